/* The picture in several sizes at once: frames of the largest in, packets of each out. A stage for
 * each size, in a thread of its own, scales what the next larger stage has and encodes it, with
 * short queues between. What comes out depends on the frames alone, never on which thread was
 * quicker. Everything but scaling and encoding stays with the caller's thread: it alone calls
 * `take`, the host and the input. */
#ifndef CASCADE_H
#define CASCADE_H

#include "base/es_auto.h"
#include "engine/encoder.h"
#include "engine/reporter.h"
#include "engine/spec.h"

/* Takes a packet of one of the spec's renditions (its contents may be moved away). */
typedef enum es_code rendition_taker(void *context, size_t rendition, AVPacket *packet,
                                     struct es_err *reterr);

struct cascade;

/* `reporter` is beaten while there is a wait. ES_MEDIA where an encoder refuses the settings. All
 * that is given must outlive it. */
ES_CHECK enum es_code cascade_open(const struct part_spec *spec, struct reporter *reporter,
                                   rendition_taker *take, void *context,
                                   struct cascade **ret_cascade, struct es_err *reterr);
/* Whatever is still under way is thrown away. */
void cascade_close(struct cascade *cascade);
ES_DEFINE_AUTO(cascade, cascade_close);

/* Moves the frame's contents in; its `pict_type` (I forces a key frame) holds for every size. NULL
 * ends the stream, and waits until all packets were taken. Blocks while the first queue is full.
 * What `take` or the reporter answers, or a stage's failure. */
ES_CHECK enum es_code cascade_push(struct cascade *cascade, AVFrame *frame, struct es_err *reterr);

/* The encoder of a rendition, for what it says of its stream; not to be pushed to. */
const struct encoder *cascade_encoder(const struct cascade *cascade, size_t rendition);

#endif
