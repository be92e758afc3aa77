/* The machine's figures out of a /proc of our own. And who was seen lately. */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/es_clock.h"
#include "base/es_file.h"
#include "service/accounts.h"
#include "service/system_stats.h"

static char folder[] = "/tmp/espotifai-proc-XXXXXX";

static void write_file(const char *name, const char *text)
{
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    assert_ok(
        es_file_write(es_printf(&arena, "%s/%s", folder, name), text, strlen(text), 0600, &err),
        err);
}

static int make_folder(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    return !mkdtemp(folder) || mkdir(es_printf(&arena, "%s/net", folder), 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *const names[] = { "stat", "meminfo", "net/dev" };
    for (size_t i = 0; i < 3; i++)
        unlink(es_printf(&arena, "%s/%s", folder, names[i]));
    rmdir(es_printf(&arena, "%s/net", folder));
    return rmdir(folder);
}

static void figures_come_from_proc(void **state)
{
    (void)state;
    write_file("stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4\nintr 5\n");
    write_file("meminfo", "MemTotal:        8000 kB\nMemFree:  100 kB\nMemAvailable:    6000 kB\n");
    write_file("net/dev", "Inter-|   Receive     |  Transmit\n"
                          " face |bytes packets  |bytes packets\n"
                          "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
                          "  eth0:1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n"
                          " wlan0: 30 1 0 0 0 0 0 0    4 1 0 0 0 0 0 0\n");
    es_auto(system_sampler) sampler = system_sampler_open(folder);
    struct system_stats stats = system_sample(sampler);
    assert_true(stats.cpu_percent > 19.99 && stats.cpu_percent < 20.01); /* since boot */
    assert_true(stats.memory_percent > 24.99 && stats.memory_percent < 25.01);
    assert_int_equal(stats.net_bytes_received, 1030);
    assert_int_equal(stats.net_bytes_sent, 2004);
    write_file("stat", "cpu  150 0 100 750 100 0 0 0 50 0\n");
    es_sleep_ms(210);
    double percent = system_sample(sampler).cpu_percent;
    assert_true(percent > 49.99 && percent < 50.01); /* since the sample before */
}

static void what_cannot_be_read_is_nought(void **state)
{
    (void)state;
    write_file("stat", "nonsense");
    write_file("meminfo", "");
    write_file("net/dev", "one\ntwo\n  eth0\n x:\n");
    es_auto(system_sampler) sampler = system_sampler_open(folder);
    struct system_stats stats = system_sample(sampler);
    assert_true(stats.cpu_percent == 0 && stats.memory_percent == 0);
    assert_int_equal(stats.net_bytes_received + stats.net_bytes_sent, 0);
    es_auto(system_sampler) nowhere = system_sampler_open("/nonexistent");
    stats = system_sample(nowhere);
    assert_true(stats.cpu_percent == 0 && stats.memory_percent == 0);
}

static void this_machine_has_figures(void **state)
{
    (void)state;
    es_auto(system_sampler) sampler = system_sampler_open("/proc");
    struct system_stats stats = system_sample(sampler);
    assert_true(stats.memory_percent > 0 && stats.memory_percent < 100);
    assert_true(stats.cpu_percent >= 0 && stats.cpu_percent <= 100);
}

static void users_are_counted_once_and_for_a_quarter_of_an_hour(void **state)
{
    (void)state;
    const int64_t minute = 60000, start = 1763461800123;
    struct active_users *users = active_users_open();
    assert_int_equal(active_users_count(users, start), 0);
    for (int i = 0; i < 10; i++) {
        active_users_seen(users, "ana", start + i);
        active_users_seen(users, "luis", start + 5 * minute);
    }
    assert_int_equal(active_users_count(users, start + 6 * minute), 2);
    assert_int_equal(active_users_count(users, start + 16 * minute), 1);
    assert_int_equal(active_users_count(users, start + 21 * minute), 0);
    for (int i = 0; i < 5000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "user-%d", i);
        active_users_seen(users, id, start + 30 * minute);
    }
    assert_in_range(active_users_count(users, start + 31 * minute), 4990, 5000);
    active_users_close(users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_come_from_proc),
        cmocka_unit_test(what_cannot_be_read_is_nought),
        cmocka_unit_test(this_machine_has_figures),
        cmocka_unit_test(users_are_counted_once_and_for_a_quarter_of_an_hour),
    };
    return cmocka_run_group_tests_name("system_stats", tests, make_folder, remove_folder);
}
