/* The keys that sign sessions: from the settings, or one that is made at the first start and kept
 * in the data folder for its owner alone. */
#ifndef JWT_SECRET_H
#define JWT_SECRET_H

#include "app/settings.h"

/* Two processes that start at once agree on one key. ES_INVALID for a key that is too short; ES_IO.
 */
ES_CHECK enum es_code jwt_secret_load(const struct settings *settings, struct es_arena *arena,
                                      const char *const **ret_keys, size_t *ret_count,
                                      struct es_err *reterr);

#endif
