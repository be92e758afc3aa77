/* One child a probe; small limits, for a probe reads little. */
#include "worker/prober.h"

#include <stdlib.h>

#include "base/es_auto.h"
#include "model/media_json.h"
#include "worker/task_run.h"

struct prober {
    struct media_prober base;
    struct sandbox *sandbox;
};

static const struct task_limits limits = {
    .confine = { .memory_bytes = (uint64_t)1 << 30,
                 .cpu_seconds = 60,
                 .file_bytes = 1,
                 .fd_count = 32,
                 .niceness = 0 },
    .stall_ms = 60000,
};

static enum es_code probe(struct media_prober *base, struct blob_reader *reader,
                          const char *filename_hint, struct es_arena *arena,
                          struct media_facts *ret_facts, struct es_err *reterr)
{
    struct prober *prober = (struct prober *)base;
    if (reader->info.size_bytes == 0 && !reader->is_growing)
        return es_fail_word(reterr, ES_MEDIA, "media_empty", "no bytes");
    struct task task = { .kind = TASK_PROBE,
                         .input_size_bytes = reader->is_growing ? 0 : reader->info.size_bytes,
                         .is_input_arriving = reader->is_growing,
                         .filename_hint = filename_hint };
    struct task_place place = { .source = reader };
    const char *text;
    bool is_crash;
    enum es_code code =
        task_run(prober->sandbox, &task, &limits, &place, NULL, arena, &text, &is_crash, reterr);
    if (code && is_crash) /* whatever a decoder dies of is nothing that we can convert */
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "the probe died on it");
    if (code)
        return code;
    return media_facts_read(text, arena, ret_facts, reterr);
}

static const struct media_prober_ops ops = { .name = "sandbox", .probe = probe };

struct media_prober *prober_open(struct sandbox *sandbox)
{
    struct prober *prober = es_malloc(sizeof(*prober));
    prober->base.ops = &ops;
    prober->sandbox = sandbox;
    return &prober->base;
}

void prober_close(struct media_prober *prober)
{
    free(prober);
}
