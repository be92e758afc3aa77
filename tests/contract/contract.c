/* Folders and races. */
#include "contract.h"

#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

char *contract_folder_make(void)
{
    const char *base = getenv("TMPDIR");
    es_auto_arena arena = { 0 };
    char *folder = es_strdup_heap(es_printf(&arena, "%s/contract-XXXXXX", base ? base : "/tmp"));
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void contract_folder_remove(char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

struct racer {
    pthread_t thread;
    pthread_barrier_t *start;
    void (*run)(void *argument, size_t i);
    void *argument;
    size_t i;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    pthread_barrier_wait(racer->start);
    racer->run(racer->argument, racer->i);
    return NULL;
}

void contract_race(size_t count, void (*run)(void *argument, size_t i), void *argument)
{
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)count);
    struct racer *racers = es_malloc(count * sizeof(*racers));
    for (size_t i = 0; i < count; i++) {
        racers[i] = (struct racer){ .start = &start, .run = run, .argument = argument, .i = i };
        pthread_create(&racers[i].thread, NULL, race, &racers[i]);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(racers[i].thread, NULL);
    pthread_barrier_destroy(&start);
    free(racers);
}
