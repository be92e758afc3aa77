/* What /proc says of other processes. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "base/es_clock.h"

/* One process's state letter and its parent; false where there is no such process. */
static inline bool process_read(pid_t pid, char *ret_state, pid_t *ret_parent)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[got] = 0;
    const char *after_name = strrchr(text, ')');
    return after_name && sscanf(after_name + 1, " %c %d", ret_state, ret_parent) == 2;
}

/* A zombie is not: it waits only to be reaped. */
static inline bool process_is_alive(pid_t pid)
{
    char state;
    pid_t parent;
    return process_read(pid, &state, &parent) && state != 'Z' && state != 'X';
}

/* Within five seconds. */
static inline bool process_vanishes(pid_t pid)
{
    for (int i = 0; i < 1000 && process_is_alive(pid); i++)
        es_sleep_ms(5);
    return !process_is_alive(pid);
}

/* Within five seconds: not even a zombie is left. */
static inline bool process_is_reaped(pid_t pid)
{
    char state;
    pid_t parent;
    for (int i = 0; i < 1000 && process_read(pid, &state, &parent); i++)
        es_sleep_ms(5);
    return !process_read(pid, &state, &parent);
}

/* 0: there is no such process. */
static inline pid_t process_parent(pid_t pid)
{
    char state;
    pid_t parent;
    return process_read(pid, &state, &parent) ? parent : 0;
}

#endif
