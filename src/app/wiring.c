/* Opens backends by name; knows their headers, and nobody else does. */
#include "app/wiring.h"

#include "backend/blob_store_fs.h"
#include "backend/job_queue_memory.h"
#include "backend/job_queue_sqlite.h"
#include "backend/meta_store_memory.h"
#include "backend/meta_store_sqlite.h"
#include "base/es_file.h"

static enum es_code open_embedded(const char *folder, struct backends *ret_backends,
                                  struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    const char *database = es_printf(&arena, "%s/espotifai.db", folder);
    enum es_code code = es_make_folders(folder, 0700, reterr);
    if (!code)
        code = meta_store_sqlite_open(database, &ret_backends->meta, reterr);
    if (!code)
        code = job_queue_sqlite_open(database, &ret_backends->queue, reterr);
    if (!code)
        code = blob_store_fs_open(es_printf(&arena, "%s/objects", folder), &ret_backends->blobs,
                                  reterr);
    return code;
}

enum es_code wiring_open(const struct settings *settings, struct backends *ret_backends,
                         struct es_err *reterr)
{
    *ret_backends = (struct backends){ 0 };
    enum es_code code = open_embedded(settings->texts[SETTING_DATA_DIR], ret_backends, reterr);
    if (code) {
        wiring_close(ret_backends);
        return es_wrap(reterr, code, "DATA_DIR '%s'", settings->texts[SETTING_DATA_DIR]);
    }
    return ES_OK;
}

enum es_code wiring_open_local(const char *folder, struct backends *ret_backends,
                               struct es_err *reterr)
{
    *ret_backends = (struct backends){ 0 };
    enum es_code code = meta_store_memory_open(&ret_backends->meta, reterr);
    if (!code)
        code = job_queue_memory_open(&ret_backends->queue, reterr);
    if (!code)
        code = blob_store_fs_open_fleeting(folder, &ret_backends->blobs, reterr);
    if (code)
        wiring_close(ret_backends);
    return code;
}

void wiring_close(struct backends *backends)
{
    if (backends->queue)
        job_queue_close(backends->queue);
    if (backends->meta)
        meta_store_close(backends->meta);
    if (backends->blobs)
        blob_store_close(backends->blobs);
    *backends = (struct backends){ 0 };
}
