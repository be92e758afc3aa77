/* The media_depicter that works in sandboxed children. */
#ifndef DEPICTER_H
#define DEPICTER_H

#include "port/media_depicter.h"
#include "sandbox/sandbox.h"

/* `sandbox` must outlive the depicter. */
struct media_depicter *depicter_open(struct sandbox *sandbox);
void depicter_close(struct media_depicter *depicter);

#endif
