/* Functions that overflow, truncate in silence, or keep hidden state do not compile: their names
 * are poisoned. Every .c of src/ gets this header first, by -include. The headers that declare them
 * come before the poison; naming them is an error from there on, for gcc and clang alike. */
#ifndef ES_BANNED_H
#define ES_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* clang's fortified headers have macros of these names. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat strtok sprintf vsprintf atoi atol atoll
#pragma GCC poison asctime ctime gmtime localtime mktemp

#endif
