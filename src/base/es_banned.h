/* Functions that overflow, truncate in silence, or keep hidden state do not compile: a use of one is a
 * warning, and warnings are errors. Every .c of src/ gets this header first, by -include. */
#ifndef ES_BANNED_H
#define ES_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ES_BANNED __attribute__((deprecated("banned: see base/es_banned.h")))

ES_BANNED char *strcpy(char *, const char *);
ES_BANNED char *strcat(char *, const char *);
ES_BANNED char *strncpy(char *, const char *, size_t);
ES_BANNED char *strncat(char *, const char *, size_t);
ES_BANNED char *strtok(char *, const char *);
ES_BANNED int sprintf(char *, const char *, ...);
ES_BANNED int vsprintf(char *, const char *, __builtin_va_list);
ES_BANNED int atoi(const char *);
ES_BANNED long atol(const char *);
ES_BANNED long long atoll(const char *);
ES_BANNED char *asctime(const struct tm *);
ES_BANNED char *ctime(const time_t *);
ES_BANNED struct tm *gmtime(const time_t *);
ES_BANNED struct tm *localtime(const time_t *);
ES_BANNED char *mktemp(char *);

#undef ES_BANNED

#endif
