/* ReplayGain 2.0: tags that say by how much a player is to turn a track up or down so that all
 * sound alike, and how near to full scale it comes. Pure. */
#ifndef REPLAY_GAIN_H
#define REPLAY_GAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/loudness_tally.h"
#include "model/media.h"

#define REPLAY_GAIN_LUFS          (-18.0) /* how loud every track is to be */
#define REPLAY_GAIN_ID3_BYTES_MAX 128

struct replay_gain {
    bool is_known;
    double gain_db;
    double peak; /* the greatest sample; full scale is 1 */
};

/* Of a sound that was tallied and is played back louder by `level_db`. */
struct replay_gain replay_gain_of(const struct loudness_tally *tally, double level_db);

/* Whether these tags have a gain of the track already. */
bool replay_gain_is_among(const struct media_tag *tags, size_t tag_count);
/* Whether the tag speaks of gain or peak: of no use any more where samples are changed. */
bool replay_gain_is_tag(const char *name);

/* As frames of an ID3v2.3 or 2.4 tag; returns how many bytes: none where the gain is not known. */
size_t replay_gain_write_id3(const struct replay_gain *gain,
                             uint8_t ret_bytes[static REPLAY_GAIN_ID3_BYTES_MAX]);

#endif
