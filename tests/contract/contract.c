/* The fixture, folders and races. */
#include "contract.h"

#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

const struct opener *opener;

int contract_setup(void **state)
{
    struct fixture *f = es_malloc(sizeof(*f));
    f->folder = contract_folder_make();
    es_id_v7(f->ana);
    es_id_v7(f->ben);
    es_id_v7(f->eva);
    assert_ok(opener->open(f, &f->err), f->err);
    *state = f;
    return 0;
}

int contract_teardown(void **state)
{
    struct fixture *f = *state;
    if (f->meta)
        meta_store_close(f->meta);
    if (f->queue)
        job_queue_close(f->queue);
    if (f->blobs)
        blob_store_close(f->blobs);
    contract_folder_remove(f->folder);
    es_arena_release(&f->arena);
    free(f);
    return 0;
}

int contract_run_suite(const struct opener *openers, size_t opener_count,
                       const struct CMUnitTest *tests, size_t test_count)
{
    int failed = 0;
    for (opener = openers; opener < openers + opener_count; opener++)
        failed += _cmocka_run_group_tests(opener->name, tests, test_count, NULL, NULL);
    return failed;
}

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
