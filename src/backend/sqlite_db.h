/* One SQLite file as both SQLite backends use it: a pool of connections with their prepared
 * statements, transactions, migrations, and the one conversion of SQLite's errors. Whoever opens
 * the same file twice in one process shares one pool, so that there is one writer at a time inside
 * the process; between processes BEGIN IMMEDIATE and a patient busy handler do the same, and
 * `database is locked` is never seen. Thread-safe; a transaction belongs to the thread that began
 * it. */
#ifndef SQLITE_DB_H
#define SQLITE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "base/es_error.h"
#include "base/es_id.h"

struct sqlite_db;
struct sqlite_connection;
struct sqlite_statement;

/* What a transaction may do, and what its commit promises once it has returned. */
enum sql_access {
    SQL_ACCESS_UNSET = 0,
    SQL_READ,  /* one consistent view, never blocked by writers */
    SQL_WRITE, /* survives a crash of the program; a crash of the machine may take the last seconds
                */
    SQL_WRITE_DURABLE, /* survives a crash of the machine, as does every commit before it */
};

/* Zero is a transaction that has not begun. */
struct sqlite_tx {
    struct sqlite_db *db;
    struct sqlite_connection *connection;
    bool is_write;
};

struct sqlite_rows {
    struct sqlite_tx *tx;
    struct sqlite_statement *statement;
};

/* A value to bind; sql_text(NULL) is NULL. */
struct sql_value {
    enum { SQL_END = 0, SQL_TEXT, SQL_INTEGER, SQL_REAL } kind;
    const char *text; /* must last until the rows are released */
    int64_t integer;
    double real;
};

#define sql_text(value_)                                                                           \
    {                                                                                              \
        .kind = SQL_TEXT, .text = (value_)                                                         \
    }
#define sql_int(value_)                                                                            \
    {                                                                                              \
        .kind = SQL_INTEGER, .integer = (value_)                                                   \
    }
#define sql_real(value_)                                                                           \
    {                                                                                              \
        .kind = SQL_REAL, .real = (value_)                                                         \
    }
#define SQL_VALUES(...) ((const struct sql_value[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })

/* Opens or creates the file (mode 0600) and brings its schema up to date. ES_CONFLICT where a newer
 * program has written it, ES_IO, ES_UNAVAILABLE. */
ES_CHECK enum es_code sqlite_db_open(const char *path, struct sqlite_db **ret_db,
                                     struct es_err *reterr);
void sqlite_db_close(struct sqlite_db *db);
ES_DEFINE_AUTO(sqlite_db, sqlite_db_close);

/* Blocks while another writes (SQL_WRITE...) or while every connection is in use. Do not nest.
 * ES_UNAVAILABLE where another process holds the file for longer than anyone should. */
ES_CHECK enum es_code sqlite_tx_begin(struct sqlite_db *db, enum sql_access access,
                                      struct sqlite_tx *ret_tx, struct es_err *reterr);
/* The transaction is over afterwards, on failure too (then nothing of it is kept). */
ES_CHECK enum es_code sqlite_tx_commit(struct sqlite_tx *tx, struct es_err *reterr);
/* Rolls back what was not committed; nothing for one that is over. */
void sqlite_tx_release(struct sqlite_tx *tx);
#define sqlite_auto_tx __attribute__((cleanup(sqlite_tx_release))) struct sqlite_tx

/* Binds `values` to ?1, ?2 ... of `sql`. Release the rows before the transaction ends. */
ES_CHECK enum es_code sqlite_tx_query(struct sqlite_tx *tx, const char *sql,
                                      const struct sql_value *values, struct sqlite_rows *ret_rows,
                                      struct es_err *reterr);
ES_CHECK enum es_code sqlite_rows_next(struct sqlite_rows *rows, bool *ret_has_row,
                                       struct es_err *reterr);
/* As sqlite_tx_query, and goes to the first row, where there is one. */
ES_CHECK enum es_code sqlite_tx_first(struct sqlite_tx *tx, const char *sql,
                                      const struct sql_value *values, struct sqlite_rows *ret_rows,
                                      bool *ret_has_row, struct es_err *reterr);
void sqlite_rows_release(struct sqlite_rows *rows);
#define sqlite_auto_rows __attribute__((cleanup(sqlite_rows_release))) struct sqlite_rows

/* A statement without rows. `ret_changed` (may be NULL): how many rows it touched. ES_CONFLICT for
 * a broken UNIQUE or PRIMARY KEY, ES_NOT_FOUND for a broken FOREIGN KEY. */
ES_CHECK enum es_code sqlite_tx_run(struct sqlite_tx *tx, const char *sql,
                                    const struct sql_value *values, int64_t *ret_changed,
                                    struct es_err *reterr);

/* The first column of the first row of `sql` as a number, or `fallback` where there is no row. */
ES_CHECK enum es_code sqlite_tx_number(struct sqlite_tx *tx, const char *sql,
                                       const struct sql_value *values, int64_t fallback,
                                       int64_t *ret_number, struct es_err *reterr);
/* The row that the last INSERT made. */
int64_t sqlite_tx_last_row(const struct sqlite_tx *tx);

/* Columns of the current row, from 0. */
const char *sqlite_rows_text(const struct sqlite_rows *rows, int column, struct es_arena *arena);
int64_t sqlite_rows_int(const struct sqlite_rows *rows, int column);
double sqlite_rows_real(const struct sqlite_rows *rows, int column);
void sqlite_rows_id(const struct sqlite_rows *rows, int column, char ret_id[static ES_ID_SIZE]);

#endif
