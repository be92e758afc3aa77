/* What waits without a thread, a request for its handler or a reply for its source: the connection
 * stays suspended until whoever has the handle, or the stop of the server, lets it go on.
 *
 * A wait has two holders, the handle's and the connection's, and dies with the later. Whoever takes
 * the connection's side out of it under the mutex lets it go on; nobody else can then. */
#include "http/http_internal.h"

struct http_wait {
    struct http_wait *next, *previous; /* under the server's waits_mutex */

    struct http_server *server; /* as long as there is a waiter */

    pthread_mutex_t mutex;
    void *waiter; /* NULL once it goes on */
    void (*go_on)(void *waiter, bool is_stopping);
    bool has_left; /* nobody runs for it any more */
    bool is_due;   /* it goes on as soon as it has left */
    int holders;
};

static void unhold(struct http_wait *wait)
{
    pthread_mutex_lock(&wait->mutex);
    bool is_last = --wait->holders == 0;
    pthread_mutex_unlock(&wait->mutex);
    if (!is_last)
        return;
    pthread_mutex_destroy(&wait->mutex);
    free(wait);
}

static void delist(struct http_server *server, struct http_wait *wait)
{
    pthread_mutex_lock(&server->waits_mutex);
    if (wait->next)
        wait->next->previous = wait->previous;
    if (wait->previous)
        wait->previous->next = wait->next;
    else
        server->waits = wait->next;
    if (!server->waits)
        pthread_cond_broadcast(&server->has_no_waits);
    pthread_mutex_unlock(&server->waits_mutex);
}

/* With the mutex held: the waiter where it goes on now, by the caller. */
static void *take_due(struct http_wait *wait)
{
    return wait->is_due && wait->has_left ? es_take(wait->waiter) : NULL;
}

static void let_go_on(struct http_wait *wait, void *waiter)
{
    struct http_server *server = wait->server;
    wait->go_on(waiter, atomic_load(&server->is_stopping));
    delist(server, wait); /* only now: the stop waits for it */
    unhold(wait);
}

struct http_wait *http_wait_open(struct http_server *server, void *waiter,
                                 void (*go_on)(void *waiter, bool is_stopping))
{
    struct http_wait *wait = es_malloc(sizeof(*wait));
    wait->server = server;
    wait->waiter = waiter;
    wait->go_on = go_on;
    wait->holders = 2;
    pthread_mutex_init(&wait->mutex, NULL);
    pthread_mutex_lock(&server->waits_mutex);
    wait->next = server->waits;
    if (wait->next)
        wait->next->previous = wait;
    server->waits = wait;
    pthread_mutex_unlock(&server->waits_mutex);
    return wait;
}

/* Calls the handler again, or refuses where the server stops. */
static void let_exchange_go_on(void *waiter, bool is_stopping)
{
    struct http_exchange *exchange = waiter;
    struct MHD_Connection *connection = exchange->connection;
    exchange->wait = NULL;
    if (!is_stopping && http_loop_run_again(exchange))
        return;
    http_exchange_refuse(exchange, HTTP_REFUSAL_OVERLOADED);
    MHD_resume_connection(connection);
}

struct http_wait *http_exchange_wait(struct http_exchange *exchange)
{
    exchange->wait = http_wait_open(exchange->server, exchange, let_exchange_go_on);
    return exchange->wait;
}

void http_wait_end(struct http_wait *wait)
{
    pthread_mutex_lock(&wait->mutex);
    wait->is_due = true;
    void *waiter = take_due(wait);
    pthread_mutex_unlock(&wait->mutex);
    if (waiter)
        let_go_on(wait, waiter);
    unhold(wait);
}

void http_wait_leave(struct http_wait *wait)
{
    pthread_mutex_lock(&wait->mutex);
    wait->has_left = true;
    wait->is_due |= atomic_load(&wait->server->is_stopping);
    void *waiter = take_due(wait);
    pthread_mutex_unlock(&wait->mutex);
    if (waiter)
        let_go_on(wait, waiter);
}

/* One that is not due yet becomes so. False where there is none. */
static bool end_one(struct http_server *server)
{
    void *waiter = NULL;
    struct http_wait *wait;
    bool is_found = false;
    pthread_mutex_lock(&server->waits_mutex);
    for (wait = server->waits; wait; wait = wait->next) {
        pthread_mutex_lock(&wait->mutex);
        is_found = !wait->is_due;
        wait->is_due = true;
        if (is_found)
            waiter = take_due(wait);
        pthread_mutex_unlock(&wait->mutex);
        if (is_found)
            break;
    }
    pthread_mutex_unlock(&server->waits_mutex);
    if (waiter)
        let_go_on(wait, waiter);
    return is_found;
}

void http_waits_end(struct http_server *server)
{
    while (end_one(server))
        ;
}

size_t http_waits_count(struct http_server *server)
{
    size_t count = 0;
    pthread_mutex_lock(&server->waits_mutex);
    for (const struct http_wait *wait = server->waits; wait; wait = wait->next)
        count++;
    pthread_mutex_unlock(&server->waits_mutex);
    return count;
}

void http_waits_await(struct http_server *server)
{
    pthread_mutex_lock(&server->waits_mutex);
    while (server->waits)
        pthread_cond_wait(&server->has_no_waits, &server->waits_mutex);
    pthread_mutex_unlock(&server->waits_mutex);
}
