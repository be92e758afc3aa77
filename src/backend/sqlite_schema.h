/* The schema's versions: one text of SQL for each step, applied in order and never changed once
 * released. */
#ifndef SQLITE_SCHEMA_H
#define SQLITE_SCHEMA_H

#include <stddef.h>

/* Number i (from 0) leads from version i to version i + 1 of the file's user_version. */
extern const char *const sqlite_migrations[];
extern const size_t sqlite_migration_count;

#endif
