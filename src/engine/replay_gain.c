/* ReplayGain's texts, and ID3's frames around them. */
#include "engine/replay_gain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/es_text.h"

#define TEXT_BYTES_MAX  20
#define FRAME_HEAD      10
#define GAIN_NAME       "REPLAYGAIN_TRACK_GAIN"
#define PEAK_NAME       "REPLAYGAIN_TRACK_PEAK"
#define FRAME_BYTES_MAX (FRAME_HEAD + 1 + sizeof(GAIN_NAME) + TEXT_BYTES_MAX)

_Static_assert(2 * FRAME_BYTES_MAX <= REPLAY_GAIN_ID3_BYTES_MAX, "there is room for both frames");

struct replay_gain replay_gain_of(const struct loudness_tally *tally, double level_db)
{
    double lufs = 0;
    if (!loudness_tally_measure(tally, &lufs))
        return (struct replay_gain){ 0 };
    return (struct replay_gain){
        .is_known = true,
        .gain_db = REPLAY_GAIN_LUFS - lufs - level_db,
        .peak = tally->peak * pow(10, level_db / 20),
    };
}

bool replay_gain_is_tag(const char *name)
{
    return es_text_has_prefix(name, "replaygain_") || es_text_has_prefix(name, "r128_");
}

bool replay_gain_is_among(const struct media_tag *tags, size_t tag_count)
{
    for (size_t i = 0; i < tag_count; i++)
        if (strcmp(tags[i].name, "replaygain_track_gain") == 0)
            return true;
    return false;
}

/* A TXXX frame (ID3v2.4.0, 4.2.6): ISO 8859-1, a name, 0, a text that needs no 0 at its end but is
 * commonly given one. Its size is below 128, so that both versions write it alike. */
static size_t write_frame(const char *name, const char *text, uint8_t *ret_bytes)
{
    size_t name_size = strlen(name) + 1, text_size = strlen(text) + 1;
    size_t size = 1 + name_size + text_size;
    memset(ret_bytes, 0, FRAME_HEAD + 1);
    memcpy(ret_bytes, (const uint8_t[]){ 'T', 'X', 'X', 'X' }, 4);
    ret_bytes[7] = (uint8_t)size;
    memcpy(ret_bytes + FRAME_HEAD + 1, name, name_size);
    memcpy(ret_bytes + FRAME_HEAD + 1 + name_size, text, text_size);
    return FRAME_HEAD + size;
}

size_t replay_gain_write_id3(const struct replay_gain *gain,
                             uint8_t ret_bytes[static REPLAY_GAIN_ID3_BYTES_MAX])
{
    char text[TEXT_BYTES_MAX];
    if (!gain->is_known)
        return 0;
    snprintf(text, sizeof(text), "%.2f dB", gain->gain_db);
    size_t size = write_frame(GAIN_NAME, text, ret_bytes);
    snprintf(text, sizeof(text), "%.6f", fmin(gain->peak, 9999));
    return size + write_frame(PEAK_NAME, text, ret_bytes + size);
}
