/* An account. Strings live in the arena of whoever read it. */
#ifndef USER_H
#define USER_H

#include <stdint.h>

#include "base/es_error.h"
#include "base/es_id.h"

#define USERNAME_LENGTH_MIN 3 /* characters */
#define USERNAME_LENGTH_MAX 64
#define PASSWORD_BYTES_MIN  8
#define PASSWORD_BYTES_MAX  1024

struct user {
    char id[ES_ID_SIZE];
    const char *username;      /* unique, compared byte by byte */
    const char *password_hash; /* $argon2id$... or $pbkdf2-sha256$...; NULL: no password (an
                                  external identity) */
    int64_t created_at_ms;
    int64_t tokens_valid_from_ms; /* tokens issued before this moment are refused */
};

/* ES_INVALID with a word: username_invalid (length, control characters, blank at an end, not
 * UTF-8), password_invalid. */
ES_CHECK enum es_code username_check(const char *username, struct es_err *reterr);
ES_CHECK enum es_code password_check(const char *password, struct es_err *reterr);

#endif
