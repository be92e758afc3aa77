/* The outline. */
#include "engine/peaks.h"

void peaks_init(struct peaks *peaks, int64_t sample_count)
{
    peaks->count = 0;
    peaks->samples_in_open = 0;
    peaks->samples_per_point = sample_count / PEAKS_COUNT + 1;
}

static struct peak join(struct peak a, struct peak b)
{
    return (struct peak){ a.least < b.least ? a.least : b.least,
                          a.greatest > b.greatest ? a.greatest : b.greatest };
}

static void halve(struct peaks *peaks)
{
    for (size_t i = 0; i < peaks->count / 2; i++)
        peaks->points[i] = join(peaks->points[2 * i], peaks->points[2 * i + 1]);
    peaks->count /= 2;
    peaks->samples_per_point *= 2;
}

void peaks_add(struct peaks *peaks, int16_t sample)
{
    struct peak *open = &peaks->points[peaks->count];
    struct peak point = { sample, sample };
    *open = peaks->samples_in_open > 0 ? join(*open, point) : point;
    if (++peaks->samples_in_open < peaks->samples_per_point)
        return;
    peaks->samples_in_open = 0;
    if (++peaks->count == PEAKS_COUNT_MAX)
        halve(peaks);
}

void peaks_finish(struct peaks *peaks)
{
    peaks->count += peaks->samples_in_open > 0;
    peaks->samples_in_open = 0;
}

struct peak peaks_of_column(const struct peaks *peaks, size_t column, size_t column_count)
{
    size_t first = column * peaks->count / column_count;
    size_t end = (column + 1) * peaks->count / column_count;
    struct peak peak = peaks->points[first];
    for (size_t i = first + 1; i < end; i++)
        peak = join(peak, peaks->points[i]);
    return peak;
}

void peaks_write_json(const struct peaks *peaks, int sample_rate, struct es_buf *buf)
{
    es_buf_printf(buf,
                  "{\"version\":2,\"channels\":1,\"sample_rate\":%d,\"samples_per_pixel\":%lld,"
                  "\"bits\":8,\"length\":%zu,\"data\":[",
                  sample_rate, (long long)peaks->samples_per_point, peaks->count);
    for (size_t i = 0; i < peaks->count; i++)
        es_buf_printf(buf, "%s%d,%d", i > 0 ? "," : "", peaks->points[i].least >> 8,
                      peaks->points[i].greatest >> 8);
    es_buf_append_text(buf, "]}\n");
}
