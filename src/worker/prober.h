/* The media_prober that probes in a sandboxed child. */
#ifndef PROBER_H
#define PROBER_H

#include "port/media_prober.h"
#include "sandbox/sandbox.h"

/* `sandbox` must outlive the prober. */
struct media_prober *prober_open(struct sandbox *sandbox);
void prober_close(struct media_prober *prober);

#endif
