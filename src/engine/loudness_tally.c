/* The tally: gates as BS.1770-4 has them, over bins in place of blocks. */
#include "engine/loudness_tally.h"

#include <math.h>
#include <stddef.h>

#include "wire/json.h"

#define GATE_LUFS     (-70.0)
#define BINS_PER_LU   10
#define OFFSET_LUFS   (-0.691) /* of a mean square of 1: BS.1770-4, equation 2 */
#define RELATIVE_GATE 0.1      /* -10 LU, as energies are compared */
#define COUNT_MAX     UINT32_MAX
#define PEAK_MAX      1e6

static double bin_energy(int bin)
{
    double lufs = GATE_LUFS + (bin + 0.5) / BINS_PER_LU;
    return pow(10, (lufs - OFFSET_LUFS) / 10);
}

void loudness_tally_count(struct loudness_tally *tally, double energy)
{
    double lufs = OFFSET_LUFS + 10 * log10(energy);
    if (!(lufs >= GATE_LUFS))
        return;
    double bin = (lufs - GATE_LUFS) * BINS_PER_LU;
    tally->counts[bin < LOUDNESS_TALLY_BINS ? (int)bin : LOUDNESS_TALLY_BINS - 1]++;
}

void loudness_tally_add(struct loudness_tally *tally, const struct loudness_tally *other)
{
    for (int i = 0; i < LOUDNESS_TALLY_BINS; i++)
        tally->counts[i] += other->counts[i];
    tally->peak = fmax(tally->peak, other->peak);
}

/* The mean energy of the blocks of at least `least`; 0 for none. */
static double mean_energy(const struct loudness_tally *tally, double least)
{
    double sum = 0, count = 0;
    for (int i = 0; i < LOUDNESS_TALLY_BINS; i++) {
        double energy = bin_energy(i);
        if (tally->counts[i] == 0 || energy < least)
            continue;
        sum += energy * tally->counts[i];
        count += tally->counts[i];
    }
    return count > 0 ? sum / count : 0;
}

bool loudness_tally_measure(const struct loudness_tally *tally, double *ret_lufs)
{
    double mean = mean_energy(tally, 0);
    if (mean <= 0)
        return false;
    *ret_lufs = OFFSET_LUFS + 10 * log10(mean_energy(tally, mean * RELATIVE_GATE));
    return true;
}

json_t *loudness_tally_json(const struct loudness_tally *tally)
{
    int first = 0, end = LOUDNESS_TALLY_BINS;
    while (first < end && tally->counts[first] == 0)
        first++;
    while (end > first && tally->counts[end - 1] == 0)
        end--;
    json_t *counts = json_array();
    for (int i = first; i < end; i++)
        json_array_append_new(counts, json_integer(tally->counts[i]));
    json_t *object = json_object();
    json_put(object, "first", json_integer(first));
    json_put(object, "counts", counts);
    json_put(object, "peak", json_real(tally->peak));
    return object;
}

bool loudness_tally_read(const json_t *object, struct loudness_tally *ret_tally)
{
    struct loudness_tally tally = { .peak = json_member_real(object, "peak", -1) };
    int64_t first = json_member_integer(object, "first", -1);
    const json_t *counts = json_object_get(object, "counts");
    size_t count = json_array_size(counts);
    if (!(tally.peak >= 0 && tally.peak <= PEAK_MAX) || first < 0 || first > LOUDNESS_TALLY_BINS ||
        count > (size_t)(LOUDNESS_TALLY_BINS - first))
        return false;
    for (size_t i = 0; i < count; i++) {
        int64_t value = json_integer_value(json_array_get(counts, i));
        if (value < 0 || value > COUNT_MAX)
            return false;
        tally.counts[first + (int64_t)i] = (uint32_t)value;
    }
    *ret_tally = tally;
    return true;
}
