/* The words of events. */
#include "model/event.h"

#include "model/names.h"

static const char *const kind_names[] = {
    [EVENT_JOB] = "job",
    [EVENT_MEDIA] = "media",
    [EVENT_SHARE] = "share",
};

const char *event_kind_name(enum event_kind kind)
{
    return NAME_OF(kind_names, kind);
}
