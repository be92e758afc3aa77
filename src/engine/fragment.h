/* What a fragment's boxes say of it (ISO/IEC 14496-12, 8.8), in the form that libav's muxer writes
 * them: one track, one run of samples. */
#ifndef FRAGMENT_H
#define FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

/* From the beginning of a fragment ("moof" and "mdat") to the end of its first sample; 0 where the
 * boxes do not say. */
int64_t fragment_first_sample_end(const uint8_t *fragment, size_t size);

#endif
