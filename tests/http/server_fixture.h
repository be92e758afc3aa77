/* A real server on a free port with a few routes, and a client that speaks raw bytes to it. Every
 * function fails the running test where it cannot do its work; reads give up after ten seconds. */
#ifndef SERVER_FIXTURE_H
#define SERVER_FIXTURE_H

#include "../unit/test.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "base/es_buf.h"
#include "http/http_server.h"

#define WAITS_MAX 64

struct fixture {
    struct http_server *server;
    struct http_router *router;
    uint16_t port;
    int file_fd; /* FILE_SIZE bytes; byte i is file_byte(i) */

    sem_t has_entered; /* posted by GET /wait when it runs ... */
    sem_t may_leave;   /* ... until this is posted */
    atomic_int finished, finished_complete, last_status, abandoned, refused;
    _Atomic(struct http_stream *) stream;         /* of the last GET /events */
    _Atomic(struct http_wait *) waits[WAITS_MAX]; /* of GET /later and /waiting-source, in order */
    atomic_int wait_count;
    atomic_bool may_read; /* GET /waiting-source, once */
    atomic_int streams_closed;
    atomic_bool has_failing_source;
};

#define FILE_SIZE     300000
#define FILE_ETAG     "\"v1\""
#define FILE_MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"

unsigned char file_byte(size_t offset);

/* Settings with short deadlines where `is_hasty`. */
struct http_settings fixture_settings(bool is_hasty);
struct fixture *fixture_open(const struct http_settings *settings);
void fixture_close(struct fixture *fixture);

/* ---- the client ---- */

struct answer {
    int status;
    struct es_buf head; /* status line and headers */
    struct es_buf body;
    bool is_whole; /* the body ended as its framing says */
};

int client_open(const struct fixture *fixture);
void client_send(int fd, const char *text);
/* False where the peer takes no more. */
bool client_try_send(int fd, const void *bytes, size_t size);

/* Reads one answer and no byte more. status 0: the connection ended before a status line. */
struct answer client_read(int fd, bool is_head);
/* Whether the server ends the connection without another byte. */
bool client_sees_end(int fd);
/* The header's value or NULL; valid until the next call. */
const char *answer_header(const struct answer *answer, const char *name);
void answer_release(struct answer *answer);
#define auto_answer __attribute__((cleanup(answer_release))) struct answer

/* Opens, sends, reads, closes. */
struct answer ask(const struct fixture *fixture, const char *request);

#define REQUEST(line, headers) line " HTTP/1.1\r\nHost: a\r\n" headers "\r\n"

#endif
