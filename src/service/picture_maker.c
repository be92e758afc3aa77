/* The list of wishes and the two threads that fulfil them. */
#include "service/picture_maker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "service/notify.h"

#define WISHES_MAX  1000 /* what comes later is made when somebody asks for it */
#define TRIES_MAX   2    /* of what a child dies of */
#define LANES       2
#define LANE_POSTER 0

struct wish {
    struct wish *next;
    char media_id[ES_ID_SIZE];
    enum depiction depiction;
    bool is_urgent; /* somebody waits for it */
    bool is_taken;  /* a thread is at it */
    atomic_bool is_cancelled;
};

struct picture_maker {
    struct service_context *context;
    struct es_metric *made;
    pthread_mutex_t mutex;
    pthread_cond_t has_wish;
    struct wish *wishes; /* oldest first */
    size_t wish_count;
    bool is_stopping;
    pthread_t threads[LANES];
    struct lane {
        struct picture_maker *maker;
        int number;
    } lanes[LANES];
    size_t thread_count;
};

const char *picture_key(const struct media *media, const char *file, struct es_arena *arena)
{
    return es_printf(arena, "uploads/%s/%s/%s", media->user_id, media->id, file);
}

const char *picture_failure_name(enum depiction depiction)
{
    static const char *const names[] = {
        [DEPICTION_POSTER] = "poster.failed",
        [DEPICTION_WAVEFORM] = "waveform.failed",
        [DEPICTION_STORYBOARD] = "storyboard.failed",
    };
    return names[depiction];
}

/* ---- making one ---- */

static bool is_cancelled(void *context)
{
    struct wish *wish = context;
    return atomic_load(&wish->is_cancelled);
}

static enum es_code remember_failure(struct service_context *context, const struct media *media,
                                     enum depiction depiction, const char *word,
                                     struct es_arena *arena, struct es_err *reterr)
{
    struct blob_store *blobs = context->blobs;
    struct blob_writer *writer;
    const char *key = picture_key(media, picture_failure_name(depiction), arena);
    enum es_code code = blobs->ops->create(blobs, key, &writer, reterr);
    if (code)
        return code;
    code = writer->ops->write(writer, word, strlen(word), reterr);
    if (code) {
        blob_writer_abort(writer);
        return code;
    }
    return writer->ops->commit(writer, NULL, reterr);
}

/* What a child dies of is tried once more: the machine may have been to blame. */
static enum es_code depict(struct service_context *context, struct wish *wish,
                           const struct media *media, struct es_arena *arena,
                           struct depiction_result *ret_result, struct es_err *reterr)
{
    es_auto(blob_reader) source = NULL;
    struct blob_store *blobs = context->blobs;
    enum es_code code = blobs->ops->open(blobs, media->source_object, &source, reterr);
    if (code)
        return code;
    struct depiction_order order = {
        .depiction = wish->depiction,
        .duration_seconds = media->facts.duration_seconds,
        .source = source,
        .blobs = blobs,
        .prefix = es_printf(arena, "uploads/%s/%s", media->user_id, media->id),
        .is_cancelled = is_cancelled,
        .context = wish,
    };
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        code = context->depicter->ops->depict(context->depicter, &order, ret_result, reterr);
        bool is_crash = code == ES_MEDIA && reterr->word &&
                        (strcmp(reterr->word, "decoder_crashed") == 0 ||
                         strcmp(reterr->word, "part_stalled") == 0);
        if (!is_crash)
            break;
    }
    return code;
}

static enum es_code make_and_keep(struct service_context *context, struct wish *wish,
                                  const struct media *media, struct es_arena *arena,
                                  struct es_err *reterr)
{
    struct blob_info info;
    struct depiction_result result = { 0 };
    const char *key = picture_key(media, depiction_object(wish->depiction), arena);
    enum es_code code = context->blobs->ops->stat(context->blobs, key, &info, reterr);
    if (code != ES_NOT_FOUND)
        return code; /* another process has made it */
    code = depict(context, wish, media, arena, &result, reterr);
    if (code == ES_MEDIA)
        return remember_failure(context, media, wish->depiction,
                                reterr->word ? reterr->word : "media_damaged", arena, reterr);
    if (code || !result.loudness.is_known)
        return code;
    struct media_change change = { .loudness = &result.loudness };
    code = context->meta->ops->media_change(context->meta, media->id, &change, reterr);
    if (code == ES_OK)
        notify_media(context, media);
    return code;
}

/* Removes what was written of a media that has been deleted meanwhile. */
static enum es_code clean_up(struct service_context *context, const struct media *media,
                             struct es_arena *arena, struct es_err *reterr)
{
    struct media *now;
    enum es_code code =
        context->meta->ops->media_get(context->meta, media->id, arena, &now, reterr);
    if (code != ES_NOT_FOUND)
        return code;
    return context->blobs->ops->remove_all(context->blobs, picture_key(media, "", arena), reterr);
}

static void fulfil(struct picture_maker *maker, struct wish *wish)
{
    struct service_context *context = maker->context;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct media *media;
    enum es_code code =
        context->meta->ops->media_get(context->meta, wish->media_id, &arena, &media, &err);
    if (code == ES_NOT_FOUND || (code == ES_OK && media->status == MEDIA_UPLOADING))
        return;
    if (code == ES_OK) {
        code = make_and_keep(context, wish, media, &arena, &err);
        struct es_err later = { 0 };
        enum es_code cleaned = clean_up(context, media, &arena, &later);
        code = code ? code : cleaned;
    }
    const char *labels[] = { depiction_name(wish->depiction), es_code_name(code) };
    es_metric_add(maker->made, labels, 1);
}

/* ---- the list ---- */

static bool is_of_lane(const struct wish *wish, int lane)
{
    return (wish->depiction == DEPICTION_POSTER) == (lane == LANE_POSTER);
}

static struct wish *next_wish(struct picture_maker *maker, int lane)
{
    struct wish *found = NULL;
    for (struct wish *wish = maker->wishes; wish; wish = wish->next)
        if (!wish->is_taken && is_of_lane(wish, lane) &&
            (!found || (wish->is_urgent && !found->is_urgent)))
            found = wish;
    return found;
}

static struct wish *find_wish(struct picture_maker *maker, const char *media_id,
                              enum depiction depiction)
{
    for (struct wish *wish = maker->wishes; wish; wish = wish->next)
        if (wish->depiction == depiction && strcmp(wish->media_id, media_id) == 0 &&
            !atomic_load(&wish->is_cancelled))
            return wish;
    return NULL;
}

static void remove_wish(struct picture_maker *maker, struct wish *wish)
{
    struct wish **link = &maker->wishes;
    while (*link != wish)
        link = &(*link)->next;
    *link = wish->next;
    maker->wish_count--;
    free(wish);
}

static void add_wish(struct picture_maker *maker, const char *media_id, enum depiction depiction,
                     bool is_urgent)
{
    struct wish *wish = es_malloc(sizeof(*wish));
    memcpy(wish->media_id, media_id, ES_ID_SIZE);
    wish->depiction = depiction;
    wish->is_urgent = is_urgent;
    struct wish **link = &maker->wishes;
    while (*link)
        link = &(*link)->next;
    *link = wish;
    maker->wish_count++;
    pthread_cond_broadcast(&maker->has_wish);
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct picture_maker *maker = lane->maker;
    pthread_mutex_lock(&maker->mutex);
    while (!maker->is_stopping) {
        struct wish *wish = next_wish(maker, lane->number);
        if (!wish) {
            pthread_cond_wait(&maker->has_wish, &maker->mutex);
            continue;
        }
        wish->is_taken = true;
        pthread_mutex_unlock(&maker->mutex);
        fulfil(maker, wish);
        pthread_mutex_lock(&maker->mutex);
        remove_wish(maker, wish);
    }
    pthread_mutex_unlock(&maker->mutex);
    return NULL;
}

/* ---- opening, asking, closing ---- */

enum es_code picture_maker_open(struct service_context *context, struct picture_maker **ret_maker,
                                struct es_err *reterr)
{
    struct picture_maker *maker = es_malloc(sizeof(*maker));
    maker->context = context;
    maker->made = es_metric_define(context->metrics,
                                   &(struct es_metric_desc){ .name = "api_pictures_total",
                                                             .help = "Pictures tried to be made.",
                                                             .kind = ES_METRIC_COUNTER,
                                                             .labels = { "picture", "outcome" } });
    pthread_mutex_init(&maker->mutex, NULL);
    pthread_cond_init(&maker->has_wish, NULL);
    /* Signals are the main thread's business. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    for (int i = 0; i < LANES && !error; i++) {
        maker->lanes[i] = (struct lane){ maker, i };
        error = pthread_create(&maker->threads[i], NULL, lane_main, &maker->lanes[i]);
        if (!error) {
            pthread_setname_np(maker->threads[i], "pictures");
            maker->thread_count++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        picture_maker_close(maker);
        return es_fail_errno(reterr, error, "cannot start the threads that make pictures");
    }
    *ret_maker = maker;
    return ES_OK;
}

void picture_maker_close(struct picture_maker *maker)
{
    pthread_mutex_lock(&maker->mutex);
    maker->is_stopping = true;
    for (struct wish *wish = maker->wishes; wish; wish = wish->next)
        atomic_store(&wish->is_cancelled, true);
    pthread_cond_broadcast(&maker->has_wish);
    pthread_mutex_unlock(&maker->mutex);
    for (size_t i = 0; i < maker->thread_count; i++)
        pthread_join(maker->threads[i], NULL);
    while (maker->wishes)
        remove_wish(maker, maker->wishes);
    pthread_cond_destroy(&maker->has_wish);
    pthread_mutex_destroy(&maker->mutex);
    free(maker);
}

void picture_maker_wish(struct picture_maker *maker, const char *media_id, enum depiction depiction,
                        bool is_urgent)
{
    pthread_mutex_lock(&maker->mutex);
    struct wish *wish = find_wish(maker, media_id, depiction);
    if (wish)
        wish->is_urgent |= is_urgent;
    else if (!maker->is_stopping && maker->wish_count < WISHES_MAX)
        add_wish(maker, media_id, depiction, is_urgent);
    pthread_mutex_unlock(&maker->mutex);
}

void picture_maker_forget(struct picture_maker *maker, const char *media_id)
{
    pthread_mutex_lock(&maker->mutex);
    for (struct wish *wish = maker->wishes, *next; wish; wish = next) {
        next = wish->next;
        if (strcmp(wish->media_id, media_id) != 0)
            continue;
        atomic_store(&wish->is_cancelled, true);
        if (!wish->is_taken)
            remove_wish(maker, wish);
    }
    pthread_mutex_unlock(&maker->mutex);
}
