/* Time: the wall clock for what people and other machines see, the monotonic one for deadlines. */
#ifndef ES_CLOCK_H
#define ES_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define ES_TIME_TEXT_SIZE 25 /* "2025-11-18T10:35:00.123Z" and its zero byte */
#define ES_HTTP_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and its zero byte */

int64_t es_clock_realtime_ms(void);  /* since 1970-01-01 UTC */
int64_t es_clock_monotonic_ms(void); /* since some start; never goes back */
int64_t es_clock_monotonic_us(void);

/* RFC 3339 in UTC with milliseconds. `time_ms` must lie in the years 1970..9999. */
void es_time_format(int64_t time_ms, char ret_text[static ES_TIME_TEXT_SIZE]);

/* Reads RFC 3339 with "Z" or an offset, with or without a fraction (further digits than three are
 * dropped). False, and *ret_time_ms untouched, for anything else. */
bool es_time_parse(const char *text, int64_t *ret_time_ms);

/* IMF-fixdate of RFC 9110, 5.6.7, with second precision; parse takes that form alone. */
void es_http_date_format(int64_t time_ms, char ret_text[static ES_HTTP_DATE_SIZE]);
bool es_http_date_parse(const char *text, int64_t *ret_time_ms);

void es_sleep_ms(int64_t duration_ms);

#endif
