/* Playing and sharing: who may, and that a change holds from the next request on. */
#include "service_fixture.h"

#include "base/es_clock.h"
#include "base/es_text.h"
#include "model/hls_json.h"
#include "service/playback.h"
#include "service/sharing.h"

struct stage {
    const struct media *media;
    const struct job *job;
};

/* A media of ana's with one finished job. */
static struct stage finished(struct fixture *f, enum job_target target, const char *text)
{
    struct stage stage = { .media = fixture_media(f, &f->ana, "Mi canción.flac") };
    stage.job = fixture_job(f, &f->ana, stage.media->id, target);
    fixture_finish(f, text);
    return stage;
}

static const char *read_all(struct fixture *f, struct blob_reader *reader)
{
    size_t size = (size_t)reader->info.size_bytes, got;
    char *text = es_alloc(&f->arena, size + 1);
    assert_works(reader->ops->read(reader, 0, text, size, &got, reterr));
    assert_int_equal(got, size);
    return text;
}

static enum es_code play(struct fixture *f, const struct caller *caller, const char *media_id,
                         const char *job_id, const char *link, struct playback *ret_playback,
                         struct es_err *reterr)
{
    struct playback_request request = {
        .caller = caller, .media_id = media_id, .job_id = job_id, .link = link
    };
    struct playback playback = { 0 };
    enum es_code code = playback_open(f->context, &request, &f->arena, &playback, reterr);
    if (code == ES_OK && playback.reader) {
        playback.text = read_all(f, playback.reader);
        blob_reader_close(playback.reader);
    }
    if (code == ES_OK && ret_playback)
        *ret_playback = playback;
    return code;
}

static void make_signed(struct fixture *f, const struct media *media)
{
    struct media_view view;
    assert_works(library_change(f->context, &f->ana, media->id, NULL, PLAYBACK_SIGNED, &f->arena,
                                &view, reterr));
}

static void share_with(struct fixture *f, const struct stage *stage, const char *username)
{
    struct share *share;
    assert_works(sharing_add(f->context, &f->ana, stage->media->id, stage->job->id, username,
                             &f->arena, &share, reterr));
}

static void public_media_play_for_whoever_knows_both_ids(void **state)
{
    struct fixture *f = *state;
    struct stage s = finished(f, JOB_MP3, "sound");
    struct playback playback;
    assert_works(play(f, NULL, s.media->id, s.job->id, NULL, &playback, reterr));
    assert_string_equal(playback.text, "sound");
    assert_string_equal(playback.content_type, "audio/mpeg");
    assert_string_equal(playback.download_name, "Mi canción.mp3");
    assert_works(play(f, &f->luis, s.media->id, s.job->id, NULL, NULL, reterr));
    assert_works(play(f, &f->ana, s.media->id, NULL, NULL, NULL, reterr));
    assert_fails(play(f, NULL, s.media->id, NULL, NULL, NULL, reterr), ES_INVALID, "field_missing");
    assert_fails(play(f, &f->luis, s.media->id, NULL, NULL, NULL, reterr), ES_INVALID,
                 "field_missing");
    const struct media *other = fixture_media(f, &f->ana, "other.flac");
    assert_fails(play(f, &f->ana, other->id, NULL, NULL, NULL, reterr), ES_NOT_FOUND,
                 "no_finished_job");
    assert_fails(play(f, NULL, other->id, s.job->id, NULL, NULL, reterr), ES_NOT_FOUND,
                 "job_not_found");
    assert_fails(play(f, NULL, "x", s.job->id, NULL, NULL, reterr), ES_NOT_FOUND,
                 "media_not_found");
    assert_fails(play(f, NULL, s.media->id, "x", NULL, NULL, reterr), ES_NOT_FOUND,
                 "job_not_found");
}

static void signed_media_play_for_owner_and_recipients_alone(void **state)
{
    struct fixture *f = *state;
    struct stage s = finished(f, JOB_MP4, "film");
    make_signed(f, s.media);
    assert_fails(play(f, NULL, s.media->id, s.job->id, NULL, NULL, reterr), ES_UNAUTHENTICATED,
                 "unauthenticated");
    assert_fails(play(f, &f->luis, s.media->id, s.job->id, NULL, NULL, reterr), ES_FORBIDDEN,
                 "forbidden");
    assert_works(play(f, &f->ana, s.media->id, s.job->id, NULL, NULL, reterr));
    share_with(f, &s, "luis");
    assert_works(play(f, &f->luis, s.media->id, s.job->id, NULL, NULL, reterr));
    assert_fails(play(f, &f->eva, s.media->id, s.job->id, NULL, NULL, reterr), ES_FORBIDDEN,
                 "forbidden");
    const struct job *second = fixture_job(f, &f->ana, s.media->id, JOB_MP3);
    fixture_finish(f, "sound"); /* a job that is not shared */
    assert_fails(play(f, &f->luis, s.media->id, second->id, NULL, NULL, reterr), ES_FORBIDDEN,
                 "forbidden");
    assert_works(sharing_remove(f->context, &f->ana, s.media->id, NULL, "luis", &f->arena, reterr));
    assert_fails(play(f, &f->luis, s.media->id, s.job->id, NULL, NULL, reterr), ES_FORBIDDEN,
                 "forbidden");
}

static void unfinished_jobs_do_not_play(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "a.flac");
    const enum job_target targets[] = { JOB_MP3, JOB_MP4, JOB_HLS };
    for (size_t i = 0; i < 3; i++) {
        const struct job *job = fixture_job(f, &f->ana, media->id, targets[i]);
        struct shared_link link;
        assert_fails(play(f, &f->ana, media->id, job->id, NULL, NULL, reterr), ES_INVALID,
                     "job_not_finished");
        assert_fails(playback_share_link(f->context, &f->ana, media->id, job->id, "http://h",
                                         &f->arena, &link, reterr),
                     ES_INVALID, "job_not_finished");
        struct job_view view;
        assert_works(conversion_cancel(f->context, &f->ana, job->id, &f->arena, &view, reterr));
        assert_fails(play(f, &f->ana, media->id, job->id, NULL, NULL, reterr), ES_INVALID,
                     "job_not_finished");
    }
}

static const char *link_of(struct fixture *f, const struct stage *s)
{
    struct shared_link link;
    assert_works(playback_share_link(f->context, &f->ana, s->media->id, NULL, "https://h.example",
                                     &f->arena, &link, reterr));
    assert_string_equal(link.job->id, s->job->id);
    const char *found = strstr(link.url, "&link=");
    if (found) {
        assert_true(es_text_has_prefix(
            link.url, es_printf(&f->arena, "https://h.example/media/%s/stream?job_id=%s&link=",
                                s->media->id, s->job->id)));
        return found + strlen("&link=");
    }
    static const char before[] = "https://h.example/hls/", after[] = "/index.m3u8";
    assert_true(es_text_has_prefix(link.url, before) && es_text_has_suffix(link.url, after));
    return es_strndup(&f->arena, link.url + strlen(before),
                      strlen(link.url) - strlen(before) - strlen(after));
}

static void a_shared_link_plays_until_it_is_revoked(void **state)
{
    struct fixture *f = *state;
    struct stage s = finished(f, JOB_MP3, "sound"), other = finished(f, JOB_MP3, "other");
    make_signed(f, s.media);
    const char *link = link_of(f, &s);
    assert_works(play(f, NULL, s.media->id, s.job->id, link, NULL, reterr));
    assert_works(play(f, &f->luis, s.media->id, NULL, link, NULL, reterr));
    assert_fails(play(f, NULL, other.media->id, other.job->id, link, NULL, reterr), ES_FORBIDDEN,
                 "link_invalid");
    assert_fails(play(f, NULL, s.media->id, other.job->id, link, NULL, reterr), ES_FORBIDDEN,
                 "link_invalid");
    assert_fails(play(f, NULL, s.media->id, s.job->id, "a.b", NULL, reterr), ES_FORBIDDEN,
                 "link_invalid");
    struct playback playback;
    assert_fails(playback_open_hls(f->context, link, "output.mp3", &f->arena, &playback, reterr),
                 ES_FORBIDDEN, "link_invalid");
    assert_fails(playback_revoke_links(f->context, &f->luis, s.media->id, reterr), ES_NOT_FOUND,
                 "media_not_found");
    assert_works(playback_revoke_links(f->context, &f->ana, s.media->id, reterr));
    assert_fails(play(f, NULL, s.media->id, s.job->id, link, NULL, reterr), ES_FORBIDDEN,
                 "link_invalid");
    assert_works(play(f, NULL, s.media->id, s.job->id, link_of(f, &s), NULL, reterr));
}

static void only_the_owner_gives_links(void **state)
{
    struct fixture *f = *state;
    struct stage s = finished(f, JOB_MP3, "sound");
    struct shared_link link;
    assert_fails(playback_share_link(f->context, &f->luis, s.media->id, NULL, "http://h", &f->arena,
                                     &link, reterr),
                 ES_NOT_FOUND, "media_not_found");
    share_with(f, &s, "luis");
    assert_fails(playback_share_link(f->context, &f->luis, s.media->id, NULL, "http://h", &f->arena,
                                     &link, reterr),
                 ES_FORBIDDEN, "forbidden");
    const struct media *empty = fixture_media(f, &f->ana, "b.flac");
    assert_fails(playback_share_link(f->context, &f->ana, empty->id, NULL, "http://h", &f->arena,
                                     &link, reterr),
                 ES_NOT_FOUND, "no_finished_job");
    assert_fails(playback_share_link(f->context, &f->ana, empty->id, s.job->id, "http://h",
                                     &f->arena, &link, reterr),
                 ES_NOT_FOUND, "job_not_found");
    assert_works(playback_share_link(f->context, &f->ana, s.media->id, s.job->id, "http://h",
                                     &f->arena, &link, reterr));
    int64_t left_ms = link.expires_at_ms - es_clock_realtime_ms();
    assert_true(left_ms > 3590000 && left_ms <= 3600000);
}

/* The link in a playlist that playback_open made. */
static const char *inner_link(struct fixture *f, const struct playback *playback)
{
    const char *found = strstr(playback->text, "/hls/");
    assert_non_null(found);
    found += strlen("/hls/");
    return es_strndup(&f->arena, found, strcspn(found, "/"));
}

static void a_finished_hls_job_plays_by_its_stored_playlists(void **state)
{
    struct fixture *f = *state;
    struct stage s =
        finished(f, JOB_HLS, "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio.m3u8\"\nvideo.m3u8\n");
    const char *folder = es_printf(&f->arena, "converted/%s/%s", s.media->id, s.job->id);
    fixture_put(f, es_printf(&f->arena, "%s/video-00001.m4s", folder), "segment");
    fixture_put(f, es_printf(&f->arena, "converted/%s/secret", s.media->id), "not of this job");
    struct playback playback;
    assert_works(play(f, NULL, s.media->id, s.job->id, NULL, &playback, reterr));
    assert_string_equal(playback.content_type, "application/vnd.apple.mpegurl");
    assert_false(playback.is_growing);
    const char *link = inner_link(f, &playback);
    assert_string_equal(playback.text,
                        es_printf(&f->arena,
                                  "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"/hls/%s/audio.m3u8\"\n"
                                  "/hls/%s/video.m3u8\n",
                                  link, link));
    assert_works(
        playback_open_hls(f->context, link, "video-00001.m4s", &f->arena, &playback, reterr));
    assert_int_equal(playback.reader->info.size_bytes, 7);
    assert_string_equal(playback.content_type, "video/iso.segment");
    blob_reader_close(playback.reader);
    const char *const names[] = {
        "",    ".",          "..",   "../secret", "..%2fsecret", "video-00002.m4s", "/etc/passwd",
        "a/b", "video.m3u8", "\xff", "a\nb"
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_fails(playback_open_hls(f->context, link, names[i], &f->arena, &playback, reterr),
                     ES_NOT_FOUND, "not_found");
    const char *given =
        link_of(f, &s); /* a link that was given out opens the tree as it is stored */
    assert_works(playback_open_hls(f->context, given, "index.m3u8", &f->arena, &playback, reterr));
    assert_non_null(playback.reader);
    blob_reader_close(playback.reader);
}

static void links_inside_playlists_end_with_their_ground(void **state)
{
    struct fixture *f = *state;
    struct stage s = finished(f, JOB_HLS, "#EXTM3U\nv.m4s\n");
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/v.m4s", s.media->id, s.job->id), "v");
    share_with(f, &s, "luis");
    struct playback playback, ignored;
    assert_works(play(f, NULL, s.media->id, s.job->id, NULL, &playback, reterr));
    const char *anyone = inner_link(f, &playback);
    assert_works(play(f, &f->luis, s.media->id, s.job->id, NULL, &playback, reterr));
    const char *recipient = inner_link(f, &playback);
    assert_works(play(f, &f->ana, s.media->id, s.job->id, NULL, &playback, reterr));
    const char *owner = inner_link(f, &playback);
    const char *const all[] = { anyone, recipient, owner };
    for (size_t i = 0; i < 3; i++) {
        assert_works(playback_open_hls(f->context, all[i], "v.m4s", &f->arena, &playback, reterr));
        blob_reader_close(playback.reader);
    }
    make_signed(f, s.media);
    assert_fails(playback_open_hls(f->context, anyone, "v.m4s", &f->arena, &ignored, reterr),
                 ES_FORBIDDEN, "link_invalid");
    assert_works(playback_open_hls(f->context, recipient, "v.m4s", &f->arena, &playback, reterr));
    blob_reader_close(playback.reader);
    assert_works(
        sharing_remove(f->context, &f->ana, s.media->id, s.job->id, "luis", &f->arena, reterr));
    assert_fails(playback_open_hls(f->context, recipient, "v.m4s", &f->arena, &ignored, reterr),
                 ES_FORBIDDEN, "link_invalid");
    assert_works(playback_open_hls(f->context, owner, "v.m4s", &f->arena, &playback, reterr));
    blob_reader_close(playback.reader);
    assert_works(conversion_delete(f->context, &f->ana, s.job->id, reterr));
    assert_fails(playback_open_hls(f->context, owner, "v.m4s", &f->arena, &ignored, reterr),
                 ES_NOT_FOUND, "job_not_found");
    assert_works(library_delete(f->context, &f->ana, s.media->id, reterr));
    assert_fails(playback_open_hls(f->context, owner, "v.m4s", &f->arena, &ignored, reterr),
                 ES_NOT_FOUND, "media_not_found");
}

static void a_running_hls_job_plays_from_its_first_segment_on(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "film.mkv");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_HLS);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    const struct part next[] = {
        { .index = 1,
          .kind = PART_CONVERT,
          .is_first = true,
          .weight_seconds = 5,
          .spec = "{\"tracks\":[{\"name\":\"audio\",\"kind\":\"audio\"}]}" },
        { .index = 2,
          .kind = PART_CONVERT,
          .weight_seconds = 5,
          .spec = "{\"tracks\":[{\"name\":\"audio\",\"kind\":\"audio\"}]}" },
        { .index = 3, .kind = PART_JOIN, .weight_seconds = 1, .spec = "{}" },
    };
    assert_works(f->queue->ops->finish(f->queue, lease, "{}", next, 3, reterr));
    lease = fixture_lease(f);
    assert_fails(play(f, NULL, media->id, job->id, NULL, NULL, reterr), ES_INVALID,
                 "job_not_finished");
    const struct hls_segment segment = { .name = "audio-00001.m4s",
                                         .init_name = "audio-init.mp4",
                                         .duration_seconds = 5,
                                         .size_bytes = 7 };
    const struct hls_track track = { .name = "audio",
                                     .kind = HLS_AUDIO,
                                     .codecs = "mp4a.40.2",
                                     .channels = 2,
                                     .segments = &segment,
                                     .segment_count = 1 };
    es_auto_buf result = { 0 };
    hls_tracks_write(&track, 1, &result);
    struct part_progress progress = {
        .seconds_done = 5, .speed = 2, .result_so_far = es_buf_text(&result), .is_playable = true
    };
    assert_works(f->queue->ops->extend(f->queue, lease, 60000, &progress, reterr));
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/audio-00001.m4s", media->id, job->id),
                "segment");
    struct job_view view;
    assert_works(conversion_status(f->context, &f->ana, job->id, NULL, &f->arena, &view, reterr));
    json_auto object = job_view_json(&view, LANGUAGE_SPANISH);
    assert_true(json_member_bool(object, "playable", false));
    assert_string_equal(json_member_string(object, "status", ""), "processing");

    struct playback playback, again;
    assert_works(play(f, NULL, media->id, job->id, NULL, &playback, reterr));
    assert_true(playback.is_growing);
    assert_non_null(strstr(playback.text, "#EXT-X-PLAYLIST-TYPE:EVENT"));
    assert_null(strstr(playback.text, "#EXT-X-ENDLIST"));
    const char *link = inner_link(f, &playback);
    assert_non_null(strstr(playback.text, es_printf(&f->arena, "\n/hls/%s/audio-00001.m4s", link)));
    assert_works(play(f, NULL, media->id, job->id, NULL, &again, reterr));
    assert_string_equal(playback.text, again.text); /* old segments keep their addresses */
    assert_works(playback_open_hls(f->context, link, "index.m3u8", &f->arena, &playback, reterr));
    assert_null(playback.reader);
    assert_true(playback.is_growing);
    assert_non_null(strstr(playback.text, "\naudio-00001.m4s"));
    assert_works(
        playback_open_hls(f->context, link, "audio-00001.m4s", &f->arena, &playback, reterr));
    blob_reader_close(playback.reader);
    assert_fails(playback_open_hls(f->context, link, "video.m3u8", &f->arena, &playback, reterr),
                 ES_NOT_FOUND, "not_found");
}

static void shares_are_checked(void **state)
{
    struct fixture *f = *state;
    struct stage s = finished(f, JOB_MP3, "sound"), other = finished(f, JOB_MP3, "other");
    struct share *share;
    assert_fails(
        sharing_add(f->context, &f->ana, s.media->id, s.job->id, "ana", &f->arena, &share, reterr),
        ES_INVALID, "share_with_oneself");
    assert_fails(sharing_add(f->context, &f->ana, s.media->id, s.job->id, "nobody", &f->arena,
                             &share, reterr),
                 ES_NOT_FOUND, "user_not_found");
    assert_fails(sharing_add(f->context, &f->ana, s.media->id, other.job->id, "luis", &f->arena,
                             &share, reterr),
                 ES_INVALID, "job_foreign");
    assert_fails(
        sharing_add(f->context, &f->ana, s.media->id, "no job", "luis", &f->arena, &share, reterr),
        ES_INVALID, "job_foreign");
    assert_fails(
        sharing_add(f->context, &f->luis, s.media->id, s.job->id, "eva", &f->arena, &share, reterr),
        ES_NOT_FOUND, "media_not_found");
    share_with(f, &s, "luis");
    share_with(f, &s, "luis");
    struct media_view view;
    assert_works(library_get(f->context, &f->ana, s.media->id, &f->arena, &view, reterr));
    assert_int_equal(view.share_count, 1);
    assert_fails(
        sharing_add(f->context, &f->luis, s.media->id, s.job->id, "eva", &f->arena, &share, reterr),
        ES_FORBIDDEN, "forbidden");
    assert_fails(sharing_remove(f->context, &f->luis, s.media->id, NULL, "luis", &f->arena, reterr),
                 ES_FORBIDDEN, "forbidden");
    assert_fails(sharing_remove(f->context, &f->ana, s.media->id, NULL, "eva", &f->arena, reterr),
                 ES_NOT_FOUND, "share_not_found");
    assert_fails(
        sharing_remove(f->context, &f->ana, s.media->id, other.job->id, "luis", &f->arena, reterr),
        ES_NOT_FOUND, "share_not_found");
    assert_fails(
        sharing_remove(f->context, &f->ana, s.media->id, NULL, "nobody", &f->arena, reterr),
        ES_NOT_FOUND, "user_not_found");
}

static void a_recipient_sees_their_own_part_alone(void **state)
{
    struct fixture *f = *state;
    struct stage s = finished(f, JOB_MP3, "sound");
    const struct job *hidden = fixture_job(f, &f->ana, s.media->id, JOB_MP4);
    share_with(f, &s, "luis");
    share_with(f, &s, "eva");
    struct stage hidden_stage = { s.media, hidden };
    share_with(f, &hidden_stage, "eva");
    struct media_view *views;
    size_t count;
    assert_works(sharing_list_with_me(f->context, &f->luis, &f->arena, &views, &count, reterr));
    assert_int_equal(count, 1);
    json_auto item = shared_item_json(&views[0], LANGUAGE_SPANISH);
    assert_string_equal(json_member_string(item, "media_id", ""), s.media->id);
    assert_string_equal(json_member_string(item, "owner_id", ""), f->ana.user_id);
    assert_string_equal(json_member_string(item, "owner_username", ""), "ana");
    assert_non_null(json_object_get(item, "streams"));
    assert_string_equal(json_member_string(item, "original_filename", ""), "Mi canción.flac");
    const json_t *jobs = json_object_get(item, "jobs");
    assert_int_equal(json_object_size(jobs), 1);
    assert_non_null(json_object_get(jobs, s.job->id));
    const json_t *shared_with = json_object_get(item, "shared_with"),
                 *shares = json_object_get(item, "shares");
    assert_int_equal(json_array_size(shared_with), 1);
    assert_string_equal(json_string_value(json_array_get(shared_with, 0)), f->luis.user_id);
    assert_int_equal(json_array_size(shares), 1);
    assert_string_equal(json_member_string(json_array_get(shares, 0), "username", ""), "luis");

    assert_works(sharing_list_with_me(f->context, &f->eva, &f->arena, &views, &count, reterr));
    assert_int_equal(count, 1); /* two shares of one media are one item */
    assert_int_equal(views[0].job_count, 2);
    assert_works(sharing_list_with_me(f->context, &f->ana, &f->arena, &views, &count, reterr));
    assert_int_equal(count, 0);

    struct media_view view;
    assert_works(library_get(f->context, &f->luis, s.media->id, &f->arena, &view, reterr));
    assert_int_equal(view.job_count, 1);
    assert_fails(library_delete(f->context, &f->luis, s.media->id, reterr), ES_FORBIDDEN,
                 "forbidden");
    struct job_view job_view;
    assert_works(
        conversion_status(f->context, &f->luis, s.job->id, NULL, &f->arena, &job_view, reterr));
    assert_fails(
        conversion_status(f->context, &f->luis, hidden->id, NULL, &f->arena, &job_view, reterr),
        ES_NOT_FOUND, "job_not_found");
    assert_fails(conversion_cancel(f->context, &f->eva, hidden->id, &f->arena, &job_view, reterr),
                 ES_FORBIDDEN, "forbidden");
    assert_fails(conversion_delete(f->context, &f->luis, s.job->id, reterr), ES_FORBIDDEN,
                 "forbidden");

    assert_works(
        sharing_remove(f->context, &f->ana, s.media->id, s.job->id, "luis", &f->arena, reterr));
    assert_fails(library_get(f->context, &f->luis, s.media->id, &f->arena, &view, reterr),
                 ES_NOT_FOUND, "media_not_found");
    assert_works(sharing_list_with_me(f->context, &f->luis, &f->arena, &views, &count, reterr));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(public_media_play_for_whoever_knows_both_ids),
        with_fixture(signed_media_play_for_owner_and_recipients_alone),
        with_fixture(unfinished_jobs_do_not_play),
        with_fixture(a_shared_link_plays_until_it_is_revoked),
        with_fixture(only_the_owner_gives_links),
        with_fixture(a_finished_hls_job_plays_by_its_stored_playlists),
        with_fixture(links_inside_playlists_end_with_their_ground),
        with_fixture(a_running_hls_job_plays_from_its_first_segment_on),
        with_fixture(shares_are_checked),
        with_fixture(a_recipient_sees_their_own_part_alone),
    };
    return cmocka_run_group_tests_name("service_playback", tests, NULL, NULL);
}
