/* Figures of the machine from /proc. Thread-safe. */
#ifndef SYSTEM_STATS_H
#define SYSTEM_STATS_H

#include <stdint.h>

#include "base/es_auto.h"

struct system_stats {
    double cpu_percent;    /* of all cores, since the sample before (at least 200 ms ago) */
    double memory_percent; /* what is not available to new work */
    uint64_t net_bytes_sent, net_bytes_received; /* of all interfaces but loopback, since boot */
};

struct system_sampler;

/* `proc_folder` is "/proc" but in tests. */
struct system_sampler *system_sampler_open(const char *proc_folder);
void system_sampler_close(struct system_sampler *sampler);
ES_DEFINE_AUTO(system_sampler, system_sampler_close);

/* Figures that cannot be read are 0. Reads three small files; does not block. */
struct system_stats system_sample(struct system_sampler *sampler);

#endif
