/* Its own file, so that a new version recompiles one. */
#include "app/version.h"

const char *version(void)
{
    return ESPOTIFAI_VERSION;
}
