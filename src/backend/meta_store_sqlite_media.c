/* Media in SQLite. */
#include <assert.h>
#include <string.h>

#include "backend/list_cursor.h"
#include "backend/media_search.h"
#include "backend/meta_store_sqlite_private.h"
#include "base/es_buf.h"
#include "model/media_json.h"

#define MEDIA_COLUMNS                                                                              \
    "id, user_id, original_filename, source_object, content_type, original_extension,"             \
    " original_size_bytes, sha256, created_at_ms, status, playback, link_epoch, facts"

static enum es_code media_missing(struct es_err *reterr, const char *id)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found", "no media %s", id);
}

static enum es_code read_media(const struct sqlite_rows *rows, struct es_arena *arena,
                               struct media *ret_media, struct es_err *reterr)
{
    struct media media = { 0 };
    es_auto_arena scratch = { 0 };
    sqlite_rows_id(rows, 0, media.id);
    sqlite_rows_id(rows, 1, media.user_id);
    media.original_filename = sqlite_rows_text(rows, 2, arena);
    media.source_object = sqlite_rows_text(rows, 3, arena);
    media.content_type = sqlite_rows_text(rows, 4, arena);
    media.original_extension = sqlite_rows_text(rows, 5, arena);
    media.original_size_bytes = sqlite_rows_int(rows, 6);
    media.sha256 = sqlite_rows_text(rows, 7, arena);
    media.created_at_ms = sqlite_rows_int(rows, 8);
    media.status = media_status_from_name(sqlite_rows_text(rows, 9, &scratch));
    media.playback = playback_policy_from_name(sqlite_rows_text(rows, 10, &scratch));
    media.link_epoch = sqlite_rows_int(rows, 11);
    enum es_code code =
        media_facts_read(sqlite_rows_text(rows, 12, &scratch), arena, &media.facts, reterr);
    if (code) {
        es_wrap(reterr, code, "media %s: facts in the store", media.id);
        return es_fail(reterr, ES_IO, "media %s has facts in the store that cannot be read",
                       media.id);
    }
    *ret_media = media;
    return ES_OK;
}

enum es_code sqlite_media_create(struct meta_store *store, const struct media *media,
                                 struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    es_auto_buf facts = { 0 };
    media_facts_write(&media->facts, &facts);
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (code)
        return code;
    code = sqlite_tx_run(
        &tx,
        "INSERT INTO media (" MEDIA_COLUMNS ", type, name_key, search_text) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        SQL_VALUES(sql_text(media->id), sql_text(media->user_id),
                   sql_text(media->original_filename), sql_text(media->source_object),
                   sql_text(media->content_type), sql_text(media->original_extension),
                   sql_int(media->original_size_bytes), sql_text(media->sha256),
                   sql_int(media->created_at_ms), sql_text(media_status_name(media->status)),
                   sql_text(playback_policy_name(media->playback)), sql_int(media->link_epoch),
                   sql_text(es_buf_text(&facts)), sql_text(media_type(&media->facts)),
                   sql_text(media_name_key(media->original_filename, &arena)),
                   sql_text(media_search_text(media->original_filename, &media->facts, &arena))),
        NULL, reterr);
    if (code == ES_CONFLICT)
        return es_fail_word(reterr, ES_CONFLICT, "media_exists", "media %s exists", media->id);
    if (code == ES_NOT_FOUND)
        return es_fail_word(reterr, ES_NOT_FOUND, "user_not_found", "no user %s", media->user_id);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

static enum es_code get_media(struct sqlite_tx *tx, const char *id, struct es_arena *arena,
                              struct media *ret_media, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code = sqlite_tx_first(tx, "SELECT " MEDIA_COLUMNS " FROM media WHERE id = ?1",
                                        SQL_VALUES(sql_text(id)), &rows, &has_row, reterr);
    if (code)
        return code;
    return has_row ? read_media(&rows, arena, ret_media, reterr) : media_missing(reterr, id);
}

enum es_code sqlite_media_get(struct meta_store *store, const char *id, struct es_arena *arena,
                              struct media **ret_media, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    struct media *media = es_new(arena, struct media);
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = get_media(&tx, id, arena, media, reterr);
    if (!code)
        *ret_media = media;
    return code;
}

/* How a list is sorted: the column beside the id, which way, and the letter of its cursors. */
struct media_order {
    char letter;
    bool is_text;
    const char *where, *order;
};

static const struct media_order *order_of(enum media_sort sort)
{
    static const struct media_order orders[] = {
        [MEDIA_NEWEST] = { 'n', false, " AND (created_at_ms, id) < (?2, ?3)",
                           " ORDER BY created_at_ms DESC, id DESC" },
        [MEDIA_OLDEST] = { 'o', false, " AND (created_at_ms, id) > (?2, ?3)",
                           " ORDER BY created_at_ms, id" },
        [MEDIA_BY_NAME] = { 'a', true, " AND (name_key, id) > (?2, ?3)", " ORDER BY name_key, id" },
        [MEDIA_LARGEST] = { 'l', false, " AND (original_size_bytes, id) < (?2, ?3)",
                            " ORDER BY original_size_bytes DESC, id DESC" },
    };
    return &orders[sort ? sort : MEDIA_NEWEST];
}

static const char *cursor_after(const struct media *media, const struct media_order *order,
                                enum media_sort sort, struct es_arena *arena)
{
    struct list_cursor cursor = { .order = order->letter, .text = "" };
    memcpy(cursor.id, media->id, ES_ID_SIZE);
    if (order->is_text)
        cursor.text = media_name_key(media->original_filename, arena);
    else
        cursor.number = sort == MEDIA_LARGEST ? media->original_size_bytes : media->created_at_ms;
    return list_cursor_write(&cursor, arena);
}

/* One more row than asked for is read, to know whether there is another page. */
static enum es_code read_page(struct sqlite_rows *rows, size_t limit, struct es_arena *arena,
                              struct media *media, size_t *ret_count, bool *ret_has_more,
                              struct es_err *reterr)
{
    *ret_has_more = false;
    for (size_t count = 0;; count++) {
        bool has_row;
        enum es_code code = sqlite_rows_next(rows, &has_row, reterr);
        if (code)
            return code;
        *ret_count = count;
        *ret_has_more = has_row;
        if (!has_row || count == limit)
            return ES_OK;
        code = read_media(rows, arena, &media[count], reterr);
        if (code)
            return code;
    }
}

enum es_code sqlite_media_list(struct meta_store *store, const struct media_query *query,
                               struct es_arena *arena, struct media **ret_media, size_t *ret_count,
                               const char **ret_next_cursor, struct es_err *reterr)
{
    assert((query->user_id || query->status) && query->limit >= 1 && query->limit <= META_LIST_MAX);
    es_auto_arena scratch = { 0 };
    const struct media_order *order = order_of(query->sort);
    struct list_cursor after = { .text = "" };
    enum es_code code = ES_OK;
    if (query->cursor)
        code = list_cursor_read(query->cursor, order->letter, &scratch, &after, reterr);
    if (code)
        return code;
    const char *sql =
        es_printf(&scratch, "SELECT " MEDIA_COLUMNS " FROM media WHERE %s%s%s%s%s%s LIMIT ?7",
                  query->user_id ? "user_id = ?1" : "?1 IS NULL", query->cursor ? order->where : "",
                  query->status ? " AND status = ?4" : "", query->type ? " AND type = ?5" : "",
                  query->text ? " AND instr(search_text, ?6) > 0" : "", order->order);
    struct sql_value key = sql_int(after.number);
    if (order->is_text)
        key = (struct sql_value)sql_text(after.text);
    const char *needle = query->text ? media_search_needle(query->text, &scratch) : NULL;

    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_query(&tx, sql,
                               SQL_VALUES(sql_text(query->user_id), key, sql_text(after.id),
                                          sql_text(media_status_name(query->status)),
                                          sql_text(query->type), sql_text(needle),
                                          sql_int((int64_t)query->limit + 1)),
                               &rows, reterr);
    struct media *media = es_new_array(arena, struct media, query->limit);
    size_t count;
    bool has_more;
    if (!code)
        code = read_page(&rows, query->limit, arena, media, &count, &has_more, reterr);
    if (code)
        return code;
    *ret_media = media;
    *ret_count = count;
    *ret_next_cursor = has_more ? cursor_after(&media[count - 1], order, query->sort, arena) : NULL;
    return ES_OK;
}

enum es_code sqlite_media_change(struct meta_store *store, const char *id,
                                 const struct media_change *change, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct media media;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = get_media(&tx, id, &arena, &media, reterr);
    if (code)
        return code;
    if (change->original_filename)
        media.original_filename = change->original_filename;
    if (change->playback)
        media.playback = change->playback;
    if (change->status)
        media.status = change->status;
    if (change->loudness)
        media.facts.loudness = *change->loudness;
    media.link_epoch += change->revokes_links;
    es_auto_buf facts = { 0 };
    media_facts_write(&media.facts, &facts);
    code = sqlite_tx_run(
        &tx,
        "UPDATE media SET original_filename = ?2, playback = ?3, status = ?4, link_epoch = ?5,"
        " name_key = ?6, search_text = ?7, facts = ?8 WHERE id = ?1",
        SQL_VALUES(sql_text(id), sql_text(media.original_filename),
                   sql_text(playback_policy_name(media.playback)),
                   sql_text(media_status_name(media.status)), sql_int(media.link_epoch),
                   sql_text(media_name_key(media.original_filename, &arena)),
                   sql_text(media_search_text(media.original_filename, &media.facts, &arena)),
                   sql_text(es_buf_text(&facts))),
        NULL, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

enum es_code sqlite_media_complete(struct meta_store *store, const struct media *media,
                                   struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    es_auto_buf facts = { 0 };
    struct media kept;
    sqlite_auto_tx tx = { 0 };
    media_facts_write(&media->facts, &facts);
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = get_media(&tx, media->id, &arena, &kept, reterr);
    if (!code && kept.status != MEDIA_UPLOADING)
        code = es_fail(reterr, ES_CONFLICT, "media %s is complete already", media->id);
    if (code)
        return code;
    code = sqlite_tx_run(
        &tx,
        "UPDATE media SET content_type = ?2, original_size_bytes = ?3, sha256 = ?4, facts = ?5,"
        " type = ?6, search_text = ?7, status = ?8 WHERE id = ?1",
        SQL_VALUES(sql_text(media->id), sql_text(media->content_type),
                   sql_int(media->original_size_bytes), sql_text(media->sha256),
                   sql_text(es_buf_text(&facts)), sql_text(media_type(&media->facts)),
                   sql_text(media_search_text(kept.original_filename, &media->facts, &arena)),
                   sql_text(media_status_name(MEDIA_UPLOADED))),
        NULL, reterr);
    if (!code)
        code = sqlite_media_follow_jobs(&tx, media->id, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

enum es_code sqlite_media_delete(struct meta_store *store, const char *id, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t changed;
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, "DELETE FROM media WHERE id = ?1", SQL_VALUES(sql_text(id)),
                             &changed, reterr);
    if (code)
        return code;
    return changed ? sqlite_tx_commit(&tx, reterr) : media_missing(reterr, id);
}
