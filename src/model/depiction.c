/* Names, objects and results of depictions. */
#include "model/depiction.h"

#include <string.h>

#include "model/media_json.h"
#include "model/names.h"
#include "wire/json.h"

static const char *const names[] = {
    [DEPICTION_POSTER] = "poster",
    [DEPICTION_WAVEFORM] = "waveform",
    [DEPICTION_STORYBOARD] = "storyboard",
};

const char *depiction_name(enum depiction depiction)
{
    return NAME_OF(names, depiction);
}

enum depiction depiction_from_name(const char *name)
{
    return (enum depiction)VALUE_OF(names, name);
}

const char *depiction_object(enum depiction depiction)
{
    switch (depiction) {
    case DEPICTION_POSTER:
        return DEPICTION_POSTER_NAME;
    case DEPICTION_WAVEFORM:
        return DEPICTION_WAVEFORM_NAME;
    case DEPICTION_STORYBOARD:
        return DEPICTION_STORYBOARD_NAME;
    case DEPICTION_UNSET:
    case DEPICTION_COUNT:
        break;
    }
    return "";
}

/* "storyboard-001.jpg" */
static bool is_sheet(const char *name)
{
    static const char pattern[] = "storyboard-ddd.jpg";
    for (size_t i = 0; i < sizeof(pattern); i++)
        if (pattern[i] == 'd' && i > 10 && i < 14 ? !(name[i] >= '0' && name[i] <= '9')
                                                  : name[i] != pattern[i])
            return false;
    return true;
}

bool depiction_has_object(enum depiction depiction, const char *name)
{
    if (strcmp(name, depiction_object(depiction)) == 0)
        return *name;
    return (depiction == DEPICTION_WAVEFORM && strcmp(name, DEPICTION_WAVEFORM_IMAGE_NAME) == 0) ||
           (depiction == DEPICTION_STORYBOARD && is_sheet(name));
}

bool depiction_is_possible(enum depiction depiction, const struct media_facts *facts)
{
    bool has_video = media_has_stream(facts, STREAM_VIDEO);
    switch (depiction) {
    case DEPICTION_POSTER:
        return has_video || media_has_stream(facts, STREAM_PICTURE);
    case DEPICTION_WAVEFORM:
        return media_has_stream(facts, STREAM_AUDIO);
    case DEPICTION_STORYBOARD:
        return has_video && facts->duration_seconds > 0;
    case DEPICTION_UNSET:
    case DEPICTION_COUNT:
        break;
    }
    return false;
}

const char *depiction_result_write(const struct depiction_result *result, struct es_arena *arena)
{
    json_auto object = json_object();
    json_put(object, "loudness", media_loudness_json(&result->loudness));
    return json_text(object, arena);
}

enum es_code depiction_result_read(const char *text, struct depiction_result *ret_result,
                                   struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    if (code != ES_OK)
        return code;
    if (!json_is_object(object))
        return es_fail(reterr, ES_INVALID, "the result of a depiction is no object");
    ret_result->loudness = media_loudness_read(json_object_get(object, "loudness"));
    return ES_OK;
}
