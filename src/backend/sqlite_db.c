/* The pool. A connection is in one thread's hands at a time, so SQLite's own mutexes are off. */
#include "backend/sqlite_db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/sqlite_schema.h"
#include "base/es_clock.h"

/* More than the backends have, but for rare combinations of a list's conditions. */
#define STATEMENTS_MAX   128
/* Enough that readers never wait for one another in practice; each holds a few file descriptors. */
#define CONNECTIONS_MAX  12
#define BUSY_PATIENCE_MS 20000
#define WAL_BYTES_KEPT   (64 * 1024 * 1024)

struct sqlite_statement {
    sqlite3_stmt *handle;
    uint32_t hash; /* of its text */
    bool is_in_use;
};

struct sqlite_connection {
    sqlite3 *handle;
    struct sqlite_connection *next_idle;
    enum sql_access
        durability; /* SQL_WRITE or SQL_WRITE_DURABLE: what PRAGMA synchronous stands at */
    int64_t busy_until_ms;
    size_t statement_count;
    size_t next_replaced; /* once there are STATEMENTS_MAX */
    struct sqlite_statement statements[STATEMENTS_MAX];
};

struct sqlite_db {
    struct sqlite_db *next;
    dev_t device;
    ino_t inode;
    int references;
    char *path;
    pthread_mutex_t writer;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t is_given_back;
    struct sqlite_connection *idle;
    int connection_count;
};

/* Every file that this process has open, so that one file has one pool. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sqlite_db *registry;

/* The one place where SQLite's codes become ours. */
static enum es_code fail(sqlite3 *handle, int result, const char *doing, struct es_err *reterr)
{
    const char *reason = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(result);
    int system_error = handle ? sqlite3_system_errno(handle) : 0;
    switch (result & 0xff) {
    case SQLITE_FULL:
        return es_fail_word(reterr, ES_LIMIT, "storage_full", "%s: %s", doing, reason);
    case SQLITE_IOERR:
        if (system_error == ENOSPC || system_error == EDQUOT)
            return es_fail_word(reterr, ES_LIMIT, "storage_full", "%s: %s", doing, reason);
        return es_fail(reterr, ES_IO, "%s: %s (%d, errno %d)", doing, reason, result, system_error);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return es_fail(reterr, ES_UNAVAILABLE, "%s: %s", doing, reason);
    case SQLITE_NOMEM:
        return es_fail(reterr, ES_NO_MEMORY, "%s: %s", doing, reason);
    case SQLITE_CONSTRAINT:
        if (result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY)
            return es_fail(reterr, ES_CONFLICT, "%s: %s", doing, reason);
        if (result == SQLITE_CONSTRAINT_FOREIGNKEY)
            return es_fail(reterr, ES_NOT_FOUND, "%s: %s", doing, reason);
        return es_fail(reterr, ES_IO, "%s: %s", doing, reason);
    default:
        return es_fail(reterr, ES_IO, "%s: %s (%d)", doing, reason, result);
    }
}

/* SQLite's own waiting sleeps longer and longer, up to 100 ms at a time, which starves whoever came
 * first. This one looks again after 0.2 to 3 ms. */
static int wait_while_busy(void *argument, int count)
{
    struct sqlite_connection *connection = argument;
    int64_t now_ms = es_clock_monotonic_ms();
    if (count == 0)
        connection->busy_until_ms = now_ms + BUSY_PATIENCE_MS;
    if (now_ms >= connection->busy_until_ms)
        return 0;
    useconds_t longest_us = count < 14 ? 200 + 200 * (useconds_t)count : 3000;
    uint16_t random;
    es_random(&random, sizeof(random));
    usleep(longest_us / 2 + random % (longest_us / 2));
    return 1;
}

static enum es_code execute(struct sqlite_connection *connection, const char *sql,
                            struct es_err *reterr)
{
    int result = sqlite3_exec(connection->handle, sql, NULL, NULL, NULL);
    return result ? fail(connection->handle, result, sql, reterr) : ES_OK;
}

static void connection_free(struct sqlite_connection *connection)
{
    for (size_t i = 0; i < connection->statement_count; i++)
        sqlite3_finalize(connection->statements[i].handle);
    sqlite3_close(connection->handle);
    free(connection);
}
ES_DEFINE_AUTO(sqlite_connection, connection_free);

/* The change to WAL needs the file alone for a moment, and SQLite does not wait for that by itself.
 */
static enum es_code set_wal(struct sqlite_connection *connection, struct es_err *reterr)
{
    int64_t deadline_ms = es_clock_monotonic_ms() + BUSY_PATIENCE_MS;
    for (;;) {
        int result =
            sqlite3_exec(connection->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (!result)
            return ES_OK;
        if ((result & 0xff) != SQLITE_BUSY || es_clock_monotonic_ms() > deadline_ms)
            return fail(connection->handle, result, "cannot set WAL mode", reterr);
        es_sleep_ms(2);
    }
}

static enum es_code connection_open(const char *path, struct sqlite_connection **ret_connection,
                                    struct es_err *reterr)
{
    es_auto(sqlite_connection) connection = es_malloc(sizeof(*connection));
    int result =
        sqlite3_open_v2(path, &connection->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (result)
        return es_wrap(reterr, fail(connection->handle, result, "cannot open the database", reterr),
                       "'%s'", path);
    sqlite3_busy_handler(connection->handle, wait_while_busy, connection);
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    enum es_code code = set_wal(connection, reterr);
    if (!code) {
        es_auto_arena arena = { 0 };
        code = execute(connection,
                       es_printf(&arena,
                                 "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                                 "PRAGMA temp_store = MEMORY; PRAGMA synchronous = NORMAL;"
                                 "PRAGMA journal_size_limit = %d",
                                 WAL_BYTES_KEPT),
                       reterr);
    }
    if (code)
        return es_wrap(reterr, code, "'%s'", path);
    connection->durability = SQL_WRITE;
    *ret_connection = es_take(connection);
    return ES_OK;
}

static enum es_code read_version(struct sqlite_connection *connection, int64_t *ret_version,
                                 struct es_err *reterr)
{
    sqlite3_stmt *statement;
    int result =
        sqlite3_prepare_v2(connection->handle, "PRAGMA user_version", -1, &statement, NULL);
    if (result)
        return fail(connection->handle, result, "cannot read the schema's version", reterr);
    result = sqlite3_step(statement);
    int64_t version = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (result != SQLITE_ROW)
        return fail(connection->handle, result, "cannot read the schema's version", reterr);
    *ret_version = version;
    return ES_OK;
}

/* One step in one transaction; nothing where another process has taken it meanwhile. */
static enum es_code migrate_step(struct sqlite_connection *connection, size_t step,
                                 struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    int64_t version;
    enum es_code code = execute(connection, "BEGIN IMMEDIATE", reterr);
    if (code)
        return code;
    code = read_version(connection, &version, reterr);
    if (!code && version == (int64_t)step) {
        code = execute(connection, sqlite_migrations[step], reterr);
        if (!code)
            code = execute(connection, es_printf(&arena, "PRAGMA user_version = %zu", step + 1),
                           reterr);
    }
    if (!code)
        code = execute(connection, "COMMIT", reterr);
    if (code && !sqlite3_get_autocommit(connection->handle))
        sqlite3_exec(connection->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static enum es_code migrate(struct sqlite_connection *connection, const char *path,
                            struct es_err *reterr)
{
    int64_t version;
    enum es_code code = read_version(connection, &version, reterr);
    if (code)
        return code;
    if (version < 0 || version > (int64_t)sqlite_migration_count)
        return es_fail(reterr, ES_CONFLICT,
                       "the database '%s' has version %lld and this program knows version %zu: "
                       "a newer program has written it",
                       path, (long long)version, sqlite_migration_count);
    for (size_t step = (size_t)version; step < sqlite_migration_count; step++) {
        code = migrate_step(connection, step, reterr);
        if (code)
            return es_wrap(reterr, code, "'%s': cannot bring the schema to version %zu", path,
                           step + 1);
    }
    return ES_OK;
}

static void db_free(struct sqlite_db *db)
{
    while (db->idle) {
        struct sqlite_connection *connection = db->idle;
        db->idle = connection->next_idle;
        connection_free(connection);
    }
    pthread_cond_destroy(&db->is_given_back);
    pthread_mutex_destroy(&db->lock);
    pthread_mutex_destroy(&db->writer);
    free(db->path);
    free(db);
}

/* Never opens a file that may be a database in use: closing that descriptor would drop SQLite's
 * locks. */
static enum es_code identify(const char *path, struct stat *ret_stat, struct es_err *reterr)
{
    if (stat(path, ret_stat) == 0)
        return ES_OK;
    if (errno != ENOENT)
        return es_fail_errno(reterr, errno, "cannot read '%s'", path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno == ENOSPC || errno == EDQUOT)
        return es_fail_word(reterr, ES_LIMIT, "storage_full", "cannot create '%s'", path);
    else if (errno != EEXIST)
        return es_fail(reterr, ES_IO, "cannot create '%s': errno %d", path, errno);
    if (stat(path, ret_stat) < 0)
        return es_fail_errno(reterr, errno, "cannot read '%s'", path);
    return ES_OK;
}

static enum es_code open_locked(const char *path, struct sqlite_db **ret_db, struct es_err *reterr)
{
    struct stat identity;
    enum es_code code = identify(path, &identity, reterr);
    if (code)
        return code;
    for (struct sqlite_db *db = registry; db; db = db->next)
        if (db->device == identity.st_dev && db->inode == identity.st_ino) {
            db->references++;
            *ret_db = db;
            return ES_OK;
        }
    struct sqlite_connection *connection;
    code = connection_open(path, &connection, reterr);
    if (code)
        return code;
    code = migrate(connection, path, reterr);
    if (code) {
        connection_free(connection);
        return code;
    }
    struct sqlite_db *db = es_malloc(sizeof(*db));
    db->device = identity.st_dev;
    db->inode = identity.st_ino;
    db->references = 1;
    db->path = es_strdup_heap(path);
    pthread_mutex_init(&db->writer, NULL);
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->is_given_back, NULL);
    db->idle = connection;
    db->connection_count = 1;
    db->next = registry;
    registry = db;
    *ret_db = db;
    return ES_OK;
}

enum es_code sqlite_db_open(const char *path, struct sqlite_db **ret_db, struct es_err *reterr)
{
    pthread_mutex_lock(&registry_lock);
    enum es_code code = open_locked(path, ret_db, reterr);
    pthread_mutex_unlock(&registry_lock);
    return code;
}

void sqlite_db_close(struct sqlite_db *db)
{
    pthread_mutex_lock(&registry_lock);
    if (--db->references == 0) {
        struct sqlite_db **link = &registry;
        while (*link != db)
            link = &(*link)->next;
        *link = db->next;
        db_free(db);
    }
    pthread_mutex_unlock(&registry_lock);
}

static enum es_code connection_take(struct sqlite_db *db, struct sqlite_connection **ret_connection,
                                    struct es_err *reterr)
{
    pthread_mutex_lock(&db->lock);
    while (!db->idle && db->connection_count >= CONNECTIONS_MAX)
        pthread_cond_wait(&db->is_given_back, &db->lock);
    struct sqlite_connection *connection = db->idle;
    if (connection)
        db->idle = connection->next_idle;
    else
        db->connection_count++;
    pthread_mutex_unlock(&db->lock);
    enum es_code code = ES_OK;
    if (!connection) {
        code = connection_open(db->path, &connection, reterr);
        if (code) {
            pthread_mutex_lock(&db->lock);
            db->connection_count--;
            pthread_cond_signal(&db->is_given_back);
            pthread_mutex_unlock(&db->lock);
            return code;
        }
    }
    *ret_connection = connection;
    return ES_OK;
}

static void connection_give_back(struct sqlite_db *db, struct sqlite_connection *connection)
{
    pthread_mutex_lock(&db->lock);
    connection->next_idle = db->idle;
    db->idle = connection;
    pthread_cond_signal(&db->is_given_back);
    pthread_mutex_unlock(&db->lock);
}

static enum es_code set_durability(struct sqlite_connection *connection, enum sql_access access,
                                   struct es_err *reterr)
{
    if (access == SQL_READ || connection->durability == access)
        return ES_OK;
    enum es_code code = execute(
        connection,
        access == SQL_WRITE ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", reterr);
    if (!code)
        connection->durability = access;
    return code;
}

enum es_code sqlite_tx_begin(struct sqlite_db *db, enum sql_access access, struct sqlite_tx *ret_tx,
                             struct es_err *reterr)
{
    assert(access != SQL_ACCESS_UNSET);
    struct sqlite_tx tx = { .db = db, .is_write = access != SQL_READ };
    if (tx.is_write)
        pthread_mutex_lock(&db->writer);
    enum es_code code = connection_take(db, &tx.connection, reterr);
    if (!code)
        code = set_durability(tx.connection, access, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, tx.is_write ? "BEGIN IMMEDIATE" : "BEGIN", SQL_VALUES(), NULL,
                             reterr);
    if (code) {
        if (tx.connection)
            connection_give_back(db, tx.connection);
        if (tx.is_write)
            pthread_mutex_unlock(&db->writer);
        return code;
    }
    *ret_tx = tx;
    return ES_OK;
}

static void end(struct sqlite_tx *tx)
{
    connection_give_back(tx->db, tx->connection);
    if (tx->is_write)
        pthread_mutex_unlock(&tx->db->writer);
    *tx = (struct sqlite_tx){ 0 };
}

enum es_code sqlite_tx_commit(struct sqlite_tx *tx, struct es_err *reterr)
{
    enum es_code code = sqlite_tx_run(tx, "COMMIT", SQL_VALUES(), NULL, reterr);
    if (code)
        sqlite_tx_release(tx);
    else
        end(tx);
    return code;
}

void sqlite_tx_release(struct sqlite_tx *tx)
{
    if (!tx->connection)
        return;
    if (!sqlite3_get_autocommit(tx->connection->handle))
        sqlite3_exec(tx->connection->handle, "ROLLBACK", NULL, NULL, NULL);
    end(tx);
}

/* FNV-1a. */
static uint32_t hash_text(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

/* A place for one more statement: a new one, or that of another which nobody is using. */
static struct sqlite_statement *statement_place(struct sqlite_connection *connection)
{
    if (connection->statement_count < STATEMENTS_MAX)
        return &connection->statements[connection->statement_count++];
    struct sqlite_statement *statement;
    do
        statement = &connection->statements[connection->next_replaced++ % STATEMENTS_MAX];
    while (statement->is_in_use);
    sqlite3_finalize(statement->handle);
    return statement;
}

static enum es_code prepare(struct sqlite_connection *connection, const char *sql,
                            struct sqlite_statement **ret_statement, struct es_err *reterr)
{
    uint32_t hash = hash_text(sql);
    for (size_t i = 0; i < connection->statement_count; i++) {
        struct sqlite_statement *statement = &connection->statements[i];
        if (statement->hash == hash && strcmp(sqlite3_sql(statement->handle), sql) == 0) {
            assert(!statement->is_in_use);
            *ret_statement = statement;
            return ES_OK;
        }
    }
    sqlite3_stmt *handle;
    int result =
        sqlite3_prepare_v3(connection->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);
    if (result)
        return fail(connection->handle, result, sql, reterr);
    struct sqlite_statement *statement = statement_place(connection);
    *statement = (struct sqlite_statement){ .handle = handle, .hash = hash };
    *ret_statement = statement;
    return ES_OK;
}

static int bind(sqlite3_stmt *handle, int position, const struct sql_value *value)
{
    switch (value->kind) {
    case SQL_TEXT:
        return sqlite3_bind_text(handle, position, value->text, -1, SQLITE_STATIC);
    case SQL_INTEGER:
        return sqlite3_bind_int64(handle, position, value->integer);
    case SQL_REAL:
        return sqlite3_bind_double(handle, position, value->real);
    case SQL_END:
        break;
    }
    return SQLITE_MISUSE;
}

enum es_code sqlite_tx_query(struct sqlite_tx *tx, const char *sql, const struct sql_value *values,
                             struct sqlite_rows *ret_rows, struct es_err *reterr)
{
    struct sqlite_statement *statement = NULL;
    enum es_code code = prepare(tx->connection, sql, &statement, reterr);
    if (code)
        return code;
    for (int i = 0; values[i].kind != SQL_END; i++) {
        int result = bind(statement->handle, i + 1, &values[i]);
        if (result) {
            sqlite3_clear_bindings(statement->handle);
            return fail(tx->connection->handle, result, sql, reterr);
        }
    }
    statement->is_in_use = true;
    *ret_rows = (struct sqlite_rows){ .tx = tx, .statement = statement };
    return ES_OK;
}

enum es_code sqlite_rows_next(struct sqlite_rows *rows, bool *ret_has_row, struct es_err *reterr)
{
    int result = sqlite3_step(rows->statement->handle);
    if (result == SQLITE_ROW || result == SQLITE_DONE) {
        *ret_has_row = result == SQLITE_ROW;
        return ES_OK;
    }
    return fail(rows->tx->connection->handle, result, sqlite3_sql(rows->statement->handle), reterr);
}

enum es_code sqlite_tx_first(struct sqlite_tx *tx, const char *sql, const struct sql_value *values,
                             struct sqlite_rows *ret_rows, bool *ret_has_row, struct es_err *reterr)
{
    enum es_code code = sqlite_tx_query(tx, sql, values, ret_rows, reterr);
    return code ? code : sqlite_rows_next(ret_rows, ret_has_row, reterr);
}

void sqlite_rows_release(struct sqlite_rows *rows)
{
    if (!rows->statement)
        return;
    sqlite3_reset(rows->statement->handle);
    sqlite3_clear_bindings(rows->statement->handle);
    rows->statement->is_in_use = false;
    *rows = (struct sqlite_rows){ 0 };
}

enum es_code sqlite_tx_run(struct sqlite_tx *tx, const char *sql, const struct sql_value *values,
                           int64_t *ret_changed, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code = sqlite_tx_first(tx, sql, values, &rows, &has_row, reterr);
    if (!code && ret_changed)
        *ret_changed = sqlite3_changes64(tx->connection->handle);
    return code;
}

enum es_code sqlite_tx_number(struct sqlite_tx *tx, const char *sql, const struct sql_value *values,
                              int64_t fallback, int64_t *ret_number, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code = sqlite_tx_first(tx, sql, values, &rows, &has_row, reterr);
    if (!code)
        *ret_number = has_row ? sqlite_rows_int(&rows, 0) : fallback;
    return code;
}

int64_t sqlite_tx_last_row(const struct sqlite_tx *tx)
{
    return sqlite3_last_insert_rowid(tx->connection->handle);
}

const char *sqlite_rows_text(const struct sqlite_rows *rows, int column, struct es_arena *arena)
{
    return es_strdup(arena, (const char *)sqlite3_column_text(rows->statement->handle, column));
}

int64_t sqlite_rows_int(const struct sqlite_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement->handle, column);
}

double sqlite_rows_real(const struct sqlite_rows *rows, int column)
{
    return sqlite3_column_double(rows->statement->handle, column);
}

void sqlite_rows_id(const struct sqlite_rows *rows, int column, char ret_id[static ES_ID_SIZE])
{
    const char *text = (const char *)sqlite3_column_text(rows->statement->handle, column);
    snprintf(ret_id, ES_ID_SIZE, "%s", text ? text : "");
}
