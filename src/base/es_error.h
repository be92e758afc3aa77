/* What went wrong, as a value. Every function that can fail returns an es_code and writes the
 * reason into the struct es_err that its caller handed in (NULL: the caller does not want to know).
 * Codes are few because they drive behaviour: the HTTP status, and whether a job is tried again.
 * The word is a stable machine word (`media_not_found`) that clients see; model/problem.h holds its
 * texts. */
#ifndef ES_ERROR_H
#define ES_ERROR_H

#include <stdarg.h>

#define ES_CHECK __attribute__((warn_unused_result))
#define ES_PRINTF(format_index, first_index)                                                       \
    __attribute__((format(printf, format_index, first_index)))

enum es_code {
    ES_OK = 0,
    ES_NOT_FOUND,       /* no such thing, or none that the caller may see */
    ES_CONFLICT,        /* it exists already, or changed meanwhile */
    ES_INVALID,         /* the input is malformed or out of range */
    ES_UNAUTHENTICATED, /* no or bad credentials */
    ES_FORBIDDEN,       /* known, but not the caller's */
    ES_LIMIT,           /* too large, too many, too fast */
    ES_UNAVAILABLE,     /* a backend is away or busy; later may work */
    ES_CANCELLED,       /* the caller, or the user, asked to stop */
    ES_MEDIA,           /* the bytes are not media that can be used so */
    ES_IO,              /* the operating system refused */
    ES_NO_MEMORY,
    ES_CODE_COUNT
};

#define ES_DETAIL_MAX 512

struct es_err {
    enum es_code code;
    const char *word;           /* static storage, or NULL: derived from the code */
    char detail[ES_DETAIL_MAX]; /* for the log and the operator, in English */
};

/* Writes `code` and the formatted reason into `reterr` (may be NULL), with no word. Returns `code`,
 * so that `return es_fail(reterr, ES_IO, "...")` reads in one line. A reason that is too long is
 * cut. */
enum es_code es_fail(struct es_err *reterr, enum es_code code, const char *format, ...)
    ES_PRINTF(3, 4);

/* As es_fail, with a machine word for clients. `word` must have static storage. */
enum es_code es_fail_word(struct es_err *reterr, enum es_code code, const char *word,
                          const char *format, ...) ES_PRINTF(4, 5);

/* As es_fail for a failed system call: the reason gets ": " and the text of `error_number`
 * appended. ENOENT becomes ES_NOT_FOUND, EEXIST ES_CONFLICT, ENOMEM ES_NO_MEMORY, a full disk or
 * quota ES_LIMIT storage_full, all else ES_IO. */
enum es_code es_fail_errno(struct es_err *reterr, int error_number, const char *format, ...)
    ES_PRINTF(3, 4);

/* Puts "context: " before the reason that `reterr` already holds; returns reterr's code, or `code`
 * where reterr is NULL. */
enum es_code es_wrap(struct es_err *reterr, enum es_code code, const char *format, ...)
    ES_PRINTF(3, 4);

/* The code's name in lower case, such as "not_found"; never NULL. */
const char *es_code_name(enum es_code code);

/* The code that es_code_name names, or ES_CODE_COUNT for a name that is none. */
enum es_code es_code_from_name(const char *name);

#endif
