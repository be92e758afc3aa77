/* Token buckets by key (an address, a user), in a table of fixed size: a flood of keys costs no
 * memory. Where two keys want the same place the one that has been used least is forgotten, and
 * begins anew. */
#ifndef RATE_LIMITER_H
#define RATE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/es_auto.h"

#define RATE_KEY_BYTES_MAX 63 /* longer keys are told apart by their first bytes */

struct rate_limiter;

/* `burst` >= 1 at once, `per_second` > 0 in the long run, for each key. */
struct rate_limiter *rate_limiter_open(double burst, double per_second);

/* Takes one for `key` at the monotonic time `now_us`. Where there is none left: false, and
 * *ret_wait_s (at least 1) tells when there will be. Thread-safe, does not block. */
bool rate_limiter_take(struct rate_limiter *limiter, const char *key, int64_t now_us,
                       int64_t *ret_wait_s);

void rate_limiter_close(struct rate_limiter *limiter);

ES_DEFINE_AUTO(rate_limiter, rate_limiter_close);

#endif
