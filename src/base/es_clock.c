/* Thin over clock_gettime, gmtime_r and timegm; dates are formatted by hand so that no locale leaks
 * in. */
#include "base/es_clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char weekdays[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static int64_t now_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t es_clock_realtime_ms(void)
{
    return now_us(CLOCK_REALTIME) / 1000;
}

int64_t es_clock_monotonic_ms(void)
{
    return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t es_clock_monotonic_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

void es_time_format(int64_t time_ms, char ret_text[static ES_TIME_TEXT_SIZE])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    snprintf(ret_text, ES_TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)(utc.tm_mon + 1) % 100,
             (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100, (unsigned)utc.tm_min % 100,
             (unsigned)utc.tm_sec % 100, (unsigned)(time_ms % 1000) % 1000);
}

/* Exactly `count` digits at *cursor, which moves past them; -1 where there are fewer. */
static int read_digits(const char **cursor, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char digit = (*cursor)[i];
        if (digit < '0' || digit > '9')
            return -1;
        value = value * 10 + (digit - '0');
    }
    *cursor += count;
    return value;
}

static bool read_literal(const char **cursor, char literal)
{
    if (**cursor != literal)
        return false;
    (*cursor)++;
    return true;
}

/* timegm accepts the 31st of February; a date that does not come back the same is none. */
static bool to_seconds(struct tm *utc, int64_t *ret_seconds)
{
    struct tm wanted = *utc;
    time_t seconds = timegm(utc);
    if (utc->tm_mday != wanted.tm_mday || utc->tm_mon != wanted.tm_mon ||
        utc->tm_hour != wanted.tm_hour || utc->tm_min != wanted.tm_min)
        return false;
    *ret_seconds = seconds;
    return true;
}

static bool read_fraction_ms(const char **cursor, int *ret_ms)
{
    int value = 0, digits = 0;
    if (**cursor != '.')
        return true;
    (*cursor)++;
    for (; **cursor >= '0' && **cursor <= '9'; (*cursor)++, digits++)
        if (digits < 3)
            value = value * 10 + (**cursor - '0');
    if (digits == 0)
        return false;
    for (; digits < 3; digits++)
        value *= 10;
    *ret_ms = value;
    return true;
}

static bool read_offset_minutes(const char **cursor, int *ret_minutes)
{
    if (read_literal(cursor, 'Z'))
        return true;
    int sign = **cursor == '-' ? -1 : **cursor == '+' ? 1 : 0;
    if (!sign)
        return false;
    (*cursor)++;
    int hours = read_digits(cursor, 2);
    if (hours < 0 || hours > 23 || !read_literal(cursor, ':'))
        return false;
    int minutes = read_digits(cursor, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool es_time_parse(const char *text, int64_t *ret_time_ms)
{
    const char *cursor = text;
    struct tm utc = { 0 };
    int year = read_digits(&cursor, 4);
    if (year < 0 || !read_literal(&cursor, '-'))
        return false;
    int month = read_digits(&cursor, 2);
    if (month < 1 || month > 12 || !read_literal(&cursor, '-'))
        return false;
    int day = read_digits(&cursor, 2);
    if (day < 1 || !read_literal(&cursor, 'T'))
        return false;
    int hour = read_digits(&cursor, 2);
    if (hour < 0 || hour > 23 || !read_literal(&cursor, ':'))
        return false;
    int minute = read_digits(&cursor, 2);
    if (minute < 0 || minute > 59 || !read_literal(&cursor, ':'))
        return false;
    int second = read_digits(&cursor, 2);
    if (second < 0 || second > 60)
        return false;
    int fraction_ms = 0, offset_minutes = 0;
    if (!read_fraction_ms(&cursor, &fraction_ms) ||
        !read_offset_minutes(&cursor, &offset_minutes) || *cursor)
        return false;
    utc.tm_year = year - 1900;
    utc.tm_mon = month - 1;
    utc.tm_mday = day;
    utc.tm_hour = hour;
    utc.tm_min = minute;
    utc.tm_sec = second == 60 ? 59 : second; /* a leap second is the second before it */
    int64_t seconds;
    if (!to_seconds(&utc, &seconds))
        return false;
    *ret_time_ms = (seconds - offset_minutes * 60) * 1000 + fraction_ms;
    return true;
}

void es_http_date_format(int64_t time_ms, char ret_text[static ES_HTTP_DATE_SIZE])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    snprintf(ret_text, ES_HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
             weekdays[utc.tm_wday], (unsigned)utc.tm_mday % 100, months[utc.tm_mon],
             (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 100,
             (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
}

bool es_http_date_parse(const char *text, int64_t *ret_time_ms)
{
    if (strlen(text) != ES_HTTP_DATE_SIZE - 1)
        return false;
    struct tm utc = { 0 };
    const char *cursor = text + 5; /* the weekday is implied by the date and is not checked */
    utc.tm_mday = read_digits(&cursor, 2);
    if (utc.tm_mday < 1 || !read_literal(&cursor, ' '))
        return false;
    int month = 0;
    while (month < 12 && memcmp(cursor, months[month], 3) != 0)
        month++;
    cursor += 3;
    if (month == 12 || !read_literal(&cursor, ' '))
        return false;
    utc.tm_mon = month;
    int year = read_digits(&cursor, 4);
    if (year < 0 || !read_literal(&cursor, ' '))
        return false;
    utc.tm_year = year - 1900;
    utc.tm_hour = read_digits(&cursor, 2);
    if (utc.tm_hour < 0 || !read_literal(&cursor, ':'))
        return false;
    utc.tm_min = read_digits(&cursor, 2);
    if (utc.tm_min < 0 || !read_literal(&cursor, ':'))
        return false;
    utc.tm_sec = read_digits(&cursor, 2);
    if (utc.tm_sec < 0 || strcmp(cursor, " GMT") != 0)
        return false;
    int64_t seconds;
    if (!to_seconds(&utc, &seconds))
        return false;
    *ret_time_ms = seconds * 1000;
    return true;
}

void es_sleep_ms(int64_t duration_ms)
{
    struct timespec left = { .tv_sec = duration_ms / 1000,
                             .tv_nsec = duration_ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}
