/* What can be shown of a media without playing it: its poster, its waveform, its storyboard. Each
 * is one object or several beside the original, the one that depiction_object names written last,
 * so that where it is there the others are too. Pure; thread-safe. */
#ifndef DEPICTION_H
#define DEPICTION_H

#include <stdbool.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "model/media.h"

enum depiction {
    DEPICTION_UNSET = 0,
    DEPICTION_POSTER,     /* poster.jpg: a telling frame, or the cover art of sound */
    DEPICTION_WAVEFORM,   /* waveform.png, and waveform.json as audiowaveform writes it */
    DEPICTION_STORYBOARD, /* storyboard-001.jpg ..., and storyboard.vtt that leads through them */
    DEPICTION_COUNT
};

#define DEPICTION_POSTER_NAME         "poster.jpg"
#define DEPICTION_WAVEFORM_IMAGE_NAME "waveform.png"
#define DEPICTION_WAVEFORM_NAME       "waveform.json"
#define DEPICTION_STORYBOARD_NAME     "storyboard.vtt"
#define DEPICTION_SHEET_FORMAT        "storyboard-%03d.jpg"

const char *depiction_name(enum depiction depiction); /* "poster" ... */
enum depiction depiction_from_name(const char *name); /* UNSET for none */
const char *depiction_object(enum depiction depiction);
/* Whether an object of that name is one of the depiction's. */
bool depiction_has_object(enum depiction depiction, const char *name);

/* Whether the facts leave hope that there is anything of that kind to show. */
bool depiction_is_possible(enum depiction depiction, const struct media_facts *facts);

/* What making one found out beside the picture, as JSON text. ES_INVALID for text that is none. */
struct depiction_result {
    struct media_loudness loudness; /* of a waveform */
};
const char *depiction_result_write(const struct depiction_result *result, struct es_arena *arena);
ES_CHECK enum es_code depiction_result_read(const char *text, struct depiction_result *ret_result,
                                            struct es_err *reterr);

#endif
