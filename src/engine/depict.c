/* engine_depict: which kind goes where. */
#include "engine/depict.h"

#include <math.h>

enum es_code engine_depict(const struct engine_input *input, enum depiction depiction,
                           double duration_seconds, const struct engine_host *host,
                           struct es_arena *arena, const char **ret_result, struct es_err *reterr)
{
    struct es_err unheard = { 0 };
    reterr = reterr ? reterr : &unheard;
    struct depict depict = {
        .input = input,
        .duration_seconds =
            isfinite(duration_seconds) && duration_seconds > 0 ? duration_seconds : 0,
        .host = host,
        .arena = arena,
    };
    struct depiction_result result = { 0 };
    enum es_code code = ES_OK;
    switch (depiction) {
    case DEPICTION_POSTER:
        code = depict_poster(&depict, reterr);
        break;
    case DEPICTION_WAVEFORM:
        code = depict_waveform(&depict, &result.loudness, reterr);
        break;
    case DEPICTION_STORYBOARD:
        code = depict_storyboard(&depict, reterr);
        break;
    case DEPICTION_UNSET:
    case DEPICTION_COUNT:
        return es_fail(reterr, ES_INVALID, "a depiction of no known kind");
    }
    if (code == ES_OK)
        *ret_result = depiction_result_write(&result, arena);
    return code;
}
