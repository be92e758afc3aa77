/* One child a depiction, which yields the processor to whatever else there is to do. */
#include "worker/depicter.h"

#include <stdlib.h>

#include "base/es_auto.h"
#include "worker/task_run.h"

struct depicter {
    struct media_depicter base;
    struct sandbox *sandbox;
};

/* It may well get no processor for a while: the limit on its time is the one that ends it. */
static const struct task_limits limits = {
    .confine = { .memory_bytes = (uint64_t)2 << 30,
                 .cpu_seconds = 3600,
                 .file_bytes = (uint64_t)64 << 20,
                 .fd_count = 32,
                 .niceness = 19 },
    .stall_ms = INT64_C(15) * 60 * 1000,
};

static enum es_code tick(void *context, const struct task_progress *progress,
                         const char *result_so_far, struct es_err *reterr)
{
    (void)progress, (void)result_so_far;
    const struct depiction_order *order = context;
    return order->is_cancelled(order->context) ? es_fail(reterr, ES_CANCELLED, "given up") : ES_OK;
}

static enum es_code depict(struct media_depicter *base, const struct depiction_order *order,
                           struct depiction_result *ret_result, struct es_err *reterr)
{
    struct depicter *depicter = (struct depicter *)base;
    struct task task = { .kind = TASK_DEPICT,
                         .input_size_bytes = order->source->info.size_bytes,
                         .depiction = order->depiction,
                         .duration_seconds = order->duration_seconds };
    struct task_place place = { .source = order->source,
                                .blobs = order->blobs,
                                .prefix = order->prefix };
    struct task_watch watch = { .context = (void *)order, .tick = tick };
    es_auto_arena arena = { 0 };
    const char *text;
    bool is_crash;
    enum es_code code = task_run(depicter->sandbox, &task, &limits, &place, &watch, &arena, &text,
                                 &is_crash, reterr);
    return code ? code : depiction_result_read(text, ret_result, reterr);
}

static const struct media_depicter_ops ops = { .name = "sandbox", .depict = depict };

struct media_depicter *depicter_open(struct sandbox *sandbox)
{
    struct depicter *depicter = es_malloc(sizeof(*depicter));
    depicter->base.ops = &ops;
    depicter->sandbox = sandbox;
    return &depicter->base;
}

void depicter_close(struct media_depicter *depicter)
{
    free(depicter);
}
