/* The reporter. */
#include "engine/reporter.h"

#include "base/es_clock.h"

#define TICK_MS 100

enum es_code reporter_publish(struct reporter *reporter, double media_seconds,
                              const char *result_so_far, struct es_err *reterr)
{
    reporter->last_ms = es_clock_monotonic_ms();
    reporter->last_seconds = media_seconds;
    double done = media_seconds > 0 ? media_seconds : 0;
    if (reporter->timeline_seconds > 0)
        done = done / reporter->timeline_seconds * reporter->weight_seconds;
    if (done > reporter->weight_seconds)
        done = reporter->weight_seconds;
    if (!reporter->host)
        return ES_OK;
    return reporter->host->progress(reporter->host->context, done, result_so_far,
                                    reporter->is_playable, reterr);
}

enum es_code reporter_tick(struct reporter *reporter, double media_seconds, struct es_err *reterr)
{
    if (es_clock_monotonic_ms() - reporter->last_ms < TICK_MS)
        return ES_OK;
    return reporter_publish(reporter, media_seconds, NULL, reterr);
}

enum es_code reporter_beat(struct reporter *reporter, struct es_err *reterr)
{
    return reporter_tick(reporter, reporter->last_seconds, reterr);
}
