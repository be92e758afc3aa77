/* The meter: BS.1770-4's two filters, then energies of 100 ms, four of which are a block. */
#include "engine/loudness_meter.h"

#include <math.h>

#include "base/es_arena.h"

#define HOPS_A_SECOND  10
#define HOPS_A_BLOCK   4
#define CHUNK_SAMPLES  1152
#define SILENT         1e-15 /* of a filter's memory: what is less is slow to reckon with */
#define S16_FULL_SCALE 32768.0
#define S32_FULL_SCALE 2147483648.0

/* Left and right. */
typedef double pair __attribute__((vector_size(2 * sizeof(double))));

struct biquad {
    double b0, b1, b2, a1, a2;
    pair first, second; /* its memory: the transposed direct form II */
};

struct loudness_meter {
    int hop_samples;
    int64_t own_samples;
    struct biquad shelf, high_pass;
    int64_t position; /* samples that were added */
    pair energy;      /* of the hop that grows */
    int hop_fill;     /* samples of it */
    double hops[HOPS_A_BLOCK];
    int64_t hop_count;
    struct loudness_tally tally;
    pair chunk[CHUNK_SAMPLES];
};

/* The filters of BS.1770-4, annex 1, tables 1 and 2, for any rate: as analogue filters whose
 * bilinear transforms at 48 kHz have the coefficients there. */
static void set_filters(struct loudness_meter *meter, double rate)
{
    double q = 0.7071752369554196, k = tan(M_PI * 1681.974450955533 / rate);
    double high = pow(10, 3.999843853973347 / 20), band = pow(high, 0.4996667741545416);
    double a0 = 1 + k / q + k * k;
    meter->shelf = (struct biquad){ .b0 = (high + band * k / q + k * k) / a0,
                                    .b1 = 2 * (k * k - high) / a0,
                                    .b2 = (high - band * k / q + k * k) / a0,
                                    .a1 = 2 * (k * k - 1) / a0,
                                    .a2 = (1 - k / q + k * k) / a0 };
    q = 0.5003270373238773;
    k = tan(M_PI * 38.13547087602444 / rate);
    a0 = 1 + k / q + k * k;
    meter->high_pass = (struct biquad){
        .b0 = 1, .b1 = -2, .b2 = 1, .a1 = 2 * (k * k - 1) / a0, .a2 = (1 - k / q + k * k) / a0
    };
}

struct loudness_meter *loudness_meter_new(int sample_rate, int64_t own_samples)
{
    struct loudness_meter *meter = es_malloc(sizeof(*meter));
    meter->hop_samples = sample_rate / HOPS_A_SECOND;
    meter->own_samples = own_samples;
    set_filters(meter, sample_rate);
    return meter;
}

void loudness_meter_free(struct loudness_meter *meter)
{
    free(meter);
}

const struct loudness_tally *loudness_meter_tally(const struct loudness_meter *meter)
{
    return &meter->tally;
}

bool loudness_meter_takes(const AVFrame *frame)
{
    return frame->ch_layout.nb_channels == 2 &&
           (frame->format == AV_SAMPLE_FMT_FLTP || frame->format == AV_SAMPLE_FMT_S16P ||
            frame->format == AV_SAMPLE_FMT_S32P);
}

static void read_chunk(struct loudness_meter *meter, const AVFrame *frame, int first, int count)
{
    const void *left = frame->extended_data[0], *right = frame->extended_data[1];
    pair *chunk = meter->chunk;
    if (frame->format == AV_SAMPLE_FMT_FLTP) {
        const float *l = (const float *)left + first, *r = (const float *)right + first;
        for (int i = 0; i < count; i++)
            chunk[i] = (pair){ l[i], r[i] };
    } else if (frame->format == AV_SAMPLE_FMT_S16P) {
        const int16_t *l = (const int16_t *)left + first, *r = (const int16_t *)right + first;
        for (int i = 0; i < count; i++)
            chunk[i] = (pair){ l[i], r[i] } / S16_FULL_SCALE;
    } else {
        const int32_t *l = (const int32_t *)left + first, *r = (const int32_t *)right + first;
        for (int i = 0; i < count; i++)
            chunk[i] = (pair){ l[i], r[i] } / S32_FULL_SCALE;
    }
}

static void note_peak(struct loudness_meter *meter, int count)
{
    int64_t own = meter->own_samples - meter->position;
    double peak = meter->tally.peak;
    count = own < count ? (int)own : count;
    for (int i = 0; i < count; i++) {
        double left = fabs(meter->chunk[i][0]), right = fabs(meter->chunk[i][1]);
        double louder = left > right ? left : right;
        peak = louder > peak ? louder : peak;
    }
    meter->tally.peak = peak;
}

static void calm(pair *memory)
{
    for (int i = 0; i < 2; i++)
        if (!(fabs((*memory)[i]) >
              SILENT)) /* or it is no number: floating-point files may hold such */
            (*memory)[i] = 0;
}

static void end_hop(struct loudness_meter *meter)
{
    calm(&meter->shelf.first);
    calm(&meter->shelf.second);
    calm(&meter->high_pass.first);
    calm(&meter->high_pass.second);
    meter->hops[meter->hop_count++ % HOPS_A_BLOCK] = meter->energy[0] + meter->energy[1];
    meter->energy = (pair){ 0 };
    meter->hop_fill = 0;
    int64_t begin = (meter->hop_count - HOPS_A_BLOCK) * meter->hop_samples;
    if (begin < 0 || begin >= meter->own_samples)
        return;
    double sum = 0;
    for (int i = 0; i < HOPS_A_BLOCK; i++)
        sum += meter->hops[i];
    loudness_tally_count(&meter->tally, sum / (HOPS_A_BLOCK * (double)meter->hop_samples));
}

/* Samples of one hop. */
static void weigh(struct loudness_meter *meter, const pair *samples, int count)
{
    struct biquad shelf = meter->shelf, high_pass = meter->high_pass;
    pair energy = meter->energy;
    for (int i = 0; i < count; i++) {
        pair in = samples[i];
        pair middle = shelf.b0 * in + shelf.first;
        shelf.first = shelf.b1 * in - shelf.a1 * middle + shelf.second;
        shelf.second = shelf.b2 * in - shelf.a2 * middle;
        pair out = middle + high_pass.first;
        high_pass.first = high_pass.b1 * middle - high_pass.a1 * out + high_pass.second;
        high_pass.second = middle - high_pass.a2 * out;
        energy += out * out;
    }
    meter->shelf = shelf;
    meter->high_pass = high_pass;
    meter->energy = energy;
}

static void add_chunk(struct loudness_meter *meter, int count)
{
    if (meter->position < meter->own_samples)
        note_peak(meter, count);
    meter->position += count;
    for (int done = 0; done < count;) {
        int rest = meter->hop_samples - meter->hop_fill;
        int size = count - done < rest ? count - done : rest;
        weigh(meter, meter->chunk + done, size);
        done += size;
        meter->hop_fill += size;
        if (meter->hop_fill == meter->hop_samples)
            end_hop(meter);
    }
}

void loudness_meter_add(struct loudness_meter *meter, const AVFrame *frame)
{
    int64_t heard = meter->own_samples;
    if (heard < INT64_MAX - (int64_t)HOPS_A_BLOCK * meter->hop_samples)
        heard += (int64_t)HOPS_A_BLOCK * meter->hop_samples;
    for (int first = 0; first < frame->nb_samples && meter->position < heard;) {
        int count = frame->nb_samples - first;
        count = count < CHUNK_SAMPLES ? count : CHUNK_SAMPLES;
        read_chunk(meter, frame, first, count);
        add_chunk(meter, count);
        first += count;
    }
}
