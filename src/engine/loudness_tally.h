/* How often sound was how loud: the 400 ms blocks of EBU R 128 (ITU-R BS.1770-4) counted by tenths
 * of a LU, and the peak. Tallies of the pieces of one sound add up to that of the whole, so its
 * integrated loudness is known without anyone having heard all of it. Pure. */
#ifndef LOUDNESS_TALLY_H
#define LOUDNESS_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define LOUDNESS_TALLY_BINS 800 /* from -70 LUFS, the absolute gate, up; above that in the last */

struct loudness_tally {
    uint32_t counts[LOUDNESS_TALLY_BINS];
    double peak; /* the greatest sample; full scale is 1 */
};

/* A block of that mean square, K-weighted and summed over the channels. */
void loudness_tally_count(struct loudness_tally *tally, double energy);
void loudness_tally_add(struct loudness_tally *tally, const struct loudness_tally *other);

/* The integrated loudness, to a tenth of a LU at worst. False where no block was loud enough. */
bool loudness_tally_measure(const struct loudness_tally *tally, double *ret_lufs);

json_t *loudness_tally_json(const struct loudness_tally *tally);
/* False for what is no tally's form. */
bool loudness_tally_read(const json_t *object, struct loudness_tally *ret_tally);

#endif
