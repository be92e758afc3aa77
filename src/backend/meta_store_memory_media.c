/* Media of the memory backend. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/list_cursor.h"
#include "backend/media_search.h"
#include "backend/meta_store_memory_private.h"

static enum es_code media_missing(struct es_err *reterr, const char *id)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found", "no media %s", id);
}

struct record *memory_media_find(struct meta_store_memory *memory, const char *id)
{
    for (size_t i = 0; i < memory->media.count; i++)
        if (strcmp(memory->media.records[i]->media->id, id) == 0)
            return memory->media.records[i];
    return NULL;
}

enum es_code memory_media_create(struct meta_store *store, const struct media *media,
                                 struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    if (memory_media_find(memory, media->id))
        return es_fail_word(reterr, ES_CONFLICT, "media_exists", "media %s exists", media->id);
    if (!memory_user_find(memory, media->user_id))
        return es_fail_word(reterr, ES_NOT_FOUND, "user_not_found", "no user %s", media->user_id);
    struct record *record = record_list_add(&memory->media);
    record->media = media_copy(media, &record->arena);
    return ES_OK;
}

enum es_code memory_media_get(struct meta_store *store, const char *id, struct es_arena *arena,
                              struct media **ret_media, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    struct record *record = memory_media_find(memory, id);
    if (!record)
        return media_missing(reterr, id);
    *ret_media = media_copy(record->media, arena);
    return ES_OK;
}

/* A media beside what it is sorted by; `sign` -1 turns the order round. */
struct sorted_media {
    const struct media *media;
    struct list_cursor key;
    int sign;
};

static struct sorted_media sort_key(const struct media *media, enum media_sort sort,
                                    struct es_arena *arena)
{
    struct sorted_media sorted = { .media = media, .key.text = "", .sign = 1 };
    memcpy(sorted.key.id, media->id, ES_ID_SIZE);
    switch (sort) {
    case MEDIA_SORT_UNSET:
    case MEDIA_NEWEST:
        sorted.key.order = 'n';
        sorted.key.number = media->created_at_ms;
        sorted.sign = -1;
        break;
    case MEDIA_OLDEST:
        sorted.key.order = 'o';
        sorted.key.number = media->created_at_ms;
        break;
    case MEDIA_BY_NAME:
        sorted.key.order = 'a';
        sorted.key.text = media_name_key(media->original_filename, arena);
        break;
    case MEDIA_LARGEST:
        sorted.key.order = 'l';
        sorted.key.number = media->original_size_bytes;
        sorted.sign = -1;
        break;
    }
    return sorted;
}

static int compare_keys(const struct list_cursor *a, const struct list_cursor *b)
{
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    int order = strcmp(a->text, b->text);
    return order ? order : strcmp(a->id, b->id);
}

static int by_key(const void *left, const void *right)
{
    const struct sorted_media *a = left, *b = right;
    return a->sign * compare_keys(&a->key, &b->key);
}

static bool is_wanted(const struct media *media, const struct media_query *query,
                      const char *needle, struct es_arena *arena)
{
    if (query->user_id && strcmp(media->user_id, query->user_id) != 0)
        return false;
    if (query->status && media->status != query->status)
        return false;
    if (query->type && strcmp(media_type(&media->facts), query->type) != 0)
        return false;
    return !needle ||
           strstr(media_search_text(media->original_filename, &media->facts, arena), needle);
}

enum es_code memory_media_list(struct meta_store *store, const struct media_query *query,
                               struct es_arena *arena, struct media **ret_media, size_t *ret_count,
                               const char **ret_next_cursor, struct es_err *reterr)
{
    assert((query->user_id || query->status) && query->limit >= 1 && query->limit <= META_LIST_MAX);
    es_auto_arena scratch = { 0 };
    struct list_cursor after = { 0 };
    struct sorted_media none =
        sort_key(&(struct media){ .original_filename = "" }, query->sort, &scratch);
    if (query->cursor) {
        enum es_code code =
            list_cursor_read(query->cursor, none.key.order, &scratch, &after, reterr);
        if (code)
            return code;
    }
    const char *needle = query->text ? media_search_needle(query->text, &scratch) : NULL;

    auto_unlock *memory = memory_lock(store);
    struct sorted_media *found = es_new_array(&scratch, struct sorted_media, memory->media.count);
    size_t count = 0;
    for (size_t i = 0; i < memory->media.count; i++) {
        const struct media *media = memory->media.records[i]->media;
        struct sorted_media sorted = sort_key(media, query->sort, &scratch);
        if (is_wanted(media, query, needle, &scratch) &&
            (!query->cursor || sorted.sign * compare_keys(&sorted.key, &after) > 0))
            found[count++] = sorted;
    }
    if (count > 0)
        qsort(found, count, sizeof(*found), by_key);
    bool has_more = count > query->limit;
    if (has_more)
        count = query->limit;
    struct media *list = es_new_array(arena, struct media, count);
    for (size_t i = 0; i < count; i++)
        list[i] = *media_copy(found[i].media, arena);
    *ret_media = list;
    *ret_count = count;
    *ret_next_cursor = has_more ? list_cursor_write(&found[count - 1].key, arena) : NULL;
    return ES_OK;
}

enum es_code memory_media_change(struct meta_store *store, const char *id,
                                 const struct media_change *change, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    struct record *record = memory_media_find(memory, id);
    if (!record)
        return media_missing(reterr, id);
    if (change->original_filename)
        record->media->original_filename = es_strdup(&record->arena, change->original_filename);
    if (change->playback)
        record->media->playback = change->playback;
    if (change->status)
        record->media->status = change->status;
    if (change->loudness)
        record->media->facts.loudness = *change->loudness;
    record->media->link_epoch += change->revokes_links;
    return ES_OK;
}

enum es_code memory_media_complete(struct meta_store *store, const struct media *media,
                                   struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    struct record *record = memory_media_find(memory, media->id);
    if (!record)
        return media_missing(reterr, media->id);
    struct media *kept = record->media;
    if (kept->status != MEDIA_UPLOADING)
        return es_fail(reterr, ES_CONFLICT, "media %s is complete already", media->id);
    const struct media *copy = media_copy(media, &record->arena);
    kept->content_type = copy->content_type;
    kept->original_size_bytes = copy->original_size_bytes;
    kept->sha256 = copy->sha256;
    kept->facts = copy->facts;
    memory_media_follow_jobs(memory, kept);
    return ES_OK;
}

enum es_code memory_media_delete(struct meta_store *store, const char *id, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    for (size_t i = 0; i < memory->media.count; i++)
        if (strcmp(memory->media.records[i]->media->id, id) == 0) {
            memory_jobs_remove_of_media(memory, id);
            record_list_remove(&memory->media, i);
            return ES_OK;
        }
    return media_missing(reterr, id);
}
