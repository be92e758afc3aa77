/* The migrations/ folder as C strings; the build quotes each file into one. */
#include "backend/sqlite_schema.h"

const char *const sqlite_migrations[] = {
#include "0001_metadata_and_queue.sql.inc"
#include "0002_content_key.sql.inc"
#include "0003_media_by_status.sql.inc"
};
const size_t sqlite_migration_count = sizeof(sqlite_migrations) / sizeof(sqlite_migrations[0]);
