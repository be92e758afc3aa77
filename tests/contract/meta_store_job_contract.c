/* What port/meta_store.h promises of jobs' records and of shares. */
#include "meta_store_fixture.h"

static void a_job_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = { .target = JOB_MP4,
                       .status = JOB_FAILED,
                       .attempts = 3,
                       .fence = INT64_C(1) << 52,
                       .content_key = "00ff",
                       .options = { .bitrate_kbps = 96,
                                    .crf = 30,
                                    .height = 480,
                                    .copy = JOB_COPY_NEVER,
                                    .start_seconds = 1.5,
                                    .end_seconds = 9 },
                       .output_size_bytes = 5,
                       .enqueued_at_ms = 1,
                       .updated_at_ms = 2,
                       .started_at_ms = 3,
                       .finished_at_ms = 4,
                       .details = "détail",
                       .error_code = ES_MEDIA,
                       .error_word = "media_damaged" };
    es_id_v4(job.id);
    memcpy(job.media_id, media.id, ES_ID_SIZE);
    memcpy(job.user_id, ana.id, ES_ID_SIZE);
    CALL(job_create, &job);
    struct job *read = get_job(f, job.id);
    assert_string_equal(read->media_id, media.id);
    assert_string_equal(read->user_id, ana.id);
    assert_int_equal(read->target, JOB_MP4);
    assert_int_equal(read->status, JOB_FAILED);
    assert_int_equal(read->attempts, 3);
    assert_int_equal(read->fence, INT64_C(1) << 52);
    assert_string_equal(read->content_key, "00ff");
    assert_int_equal(read->options.bitrate_kbps, 96);
    assert_int_equal(read->options.height, 480);
    assert_int_equal(read->options.copy, JOB_COPY_NEVER);
    assert_true(read->options.start_seconds == 1.5 && read->options.end_seconds == 9);
    assert_int_equal(read->output_size_bytes, 5);
    assert_int_equal(read->enqueued_at_ms, 1);
    assert_int_equal(read->updated_at_ms, 2);
    assert_int_equal(read->started_at_ms, 3);
    assert_int_equal(read->finished_at_ms, 4);
    assert_string_equal(read->details, "détail");
    assert_int_equal(read->error_code, ES_MEDIA);
    assert_string_equal(read->error_word, "media_damaged");
    REFUSED(ES_CONFLICT, "job_exists", job_create, &job);
    memcpy(job.media_id, ana.id, ES_ID_SIZE);
    es_id_v4(job.id);
    REFUSED(ES_NOT_FOUND, "media_not_found", job_create, &job);
    REFUSED(ES_NOT_FOUND, "job_not_found", job_get, job.id, &f->arena, &read);
}

static void the_state_table_decides(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    for (enum job_status from = JOB_ENQUEUED; from <= JOB_CANCELLED; from++)
        for (enum job_status to = JOB_ENQUEUED; to <= JOB_CANCELLED; to++) {
            struct job job = add_job(f, &media, 1);
            if (from == JOB_DONE)
                change_to(f, &job, JOB_PROCESSING, 0);
            if (from != JOB_ENQUEUED)
                change_to(f, &job, from, 0);
            bool is_retry = from != to && to == JOB_ENQUEUED;
            struct job_change change = { .status = to, .at_ms = 8, .is_retry = is_retry };
            if (from == to || job_status_can_become(from, to)) {
                CALL(job_change, job.id, &change);
                assert_int_equal(get_job(f, job.id)->status, to);
            } else {
                REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
                assert_int_equal(get_job(f, job.id)->status, from);
            }
        }
    REFUSED(ES_NOT_FOUND, "job_not_found", job_change, "none",
            (&(struct job_change){ .status = JOB_DONE }));
}

static void a_change_sets_times_outcome_and_error(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 100), *read;
    struct job_change change = {
        .status = JOB_PROCESSING, .at_ms = 200, .fence = 4, .details = "one"
    };
    CALL(job_change, job.id, &change);
    change.at_ms = 250;
    change.details = NULL;
    CALL(job_change, job.id, &change);
    read = get_job(f, job.id);
    assert_int_equal(read->started_at_ms, 200);
    assert_int_equal(read->updated_at_ms, 250);
    assert_int_equal(read->finished_at_ms, 0);
    assert_int_equal(read->enqueued_at_ms, 100);
    assert_int_equal(read->fence, 4);
    assert_string_equal(read->details, "one");

    change = (struct job_change){ .status = JOB_FAILED,
                                  .at_ms = 300,
                                  .fence = 5,
                                  .error_code = ES_MEDIA,
                                  .error_word = "media_damaged" };
    CALL(job_change, job.id, &change);
    read = get_job(f, job.id);
    assert_int_equal(read->finished_at_ms, 300);
    assert_int_equal(read->error_code, ES_MEDIA);
    assert_string_equal(read->error_word, "media_damaged");

    change = (struct job_change){ .status = JOB_ENQUEUED, .at_ms = 400, .is_retry = true };
    CALL(job_change, job.id, &change);
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change); /* once */
    read = get_job(f, job.id);
    assert_int_equal(read->attempts, 2);
    assert_int_equal(read->started_at_ms, 0);
    assert_int_equal(read->finished_at_ms, 0);
    assert_int_equal(read->error_code, ES_OK);
    assert_null(read->error_word);
    assert_null(read->details);

    change = (struct job_change){ .status = JOB_PROCESSING, .at_ms = 500, .fence = 9 };
    CALL(job_change, job.id, &change);
    change = (struct job_change){
        .status = JOB_DONE, .at_ms = 600, .fence = 9, .output_size_bytes = 42, .content_key = "key"
    };
    CALL(job_change, job.id, &change);
    CALL(job_change, job.id, &change); /* a lost answer, asked again */
    read = get_job(f, job.id);
    assert_int_equal(read->output_size_bytes, 42);
    assert_int_equal(read->finished_at_ms, 600);
    assert_string_equal(read->content_key, "key");

    struct job at_once = add_job(f, &media, 700);
    change.at_ms = 800;
    CALL(job_change, at_once.id, &change);
    read = get_job(f, at_once.id);
    assert_int_equal(read->started_at_ms, 800);
    assert_int_equal(read->finished_at_ms, 800);
}

static void an_older_fence_is_refused(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 1);
    change_to(f, &job, JOB_PROCESSING, 7);
    struct job_change change = { .status = JOB_DONE, .fence = 6 };
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
    change.status = JOB_PROCESSING;
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
    change.fence = 7;
    CALL(job_change, job.id, &change);
    change_to(f, &job, JOB_CANCELLED, 0); /* the gateway's is not fenced */
    assert_int_equal(get_job(f, job.id)->fence, 7);
    CALL(job_change, job.id,
         (&(struct job_change){ .status = JOB_ENQUEUED, .is_retry = true, .at_ms = 1 }));
    change.fence = 7; /* who worked on it before the retry */
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
    change.fence = 8;
    CALL(job_change, job.id, &change);
}

static void finish_one(void *argument, size_t i)
{
    struct race *race = argument;
    struct job_change change = { .status = i % 2 ? JOB_DONE : JOB_CANCELLED, .at_ms = (int64_t)i };
    count_code(race, race->f->meta->ops->job_change(race->f->meta, race->id, &change, NULL));
}

static void retry_one(void *argument, size_t i)
{
    struct race *race = argument;
    struct job_change change = { .status = JOB_ENQUEUED, .at_ms = (int64_t)i, .is_retry = true };
    count_code(race, race->f->meta->ops->job_change(race->f->meta, race->id, &change, NULL));
}

static void racing_changes_agree_on_one_outcome(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 1);
    change_to(f, &job, JOB_PROCESSING, 0);
    struct race race = { .f = f, .id = job.id };
    contract_race(8, finish_one, &race);
    assert_int_equal(race.won, 4); /* those of the status that came first */
    assert_int_equal(race.conflicts, 4);

    struct job failed = add_job(f, &media, 1);
    change_to(f, &failed, JOB_FAILED, 0);
    race = (struct race){ .f = f, .id = failed.id };
    contract_race(8, retry_one, &race);
    assert_int_equal(race.won, 1);
    assert_int_equal(get_job(f, failed.id)->attempts, 2);
}

static void a_media_has_the_status_of_its_jobs(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1), other = add_media(f, &ana, "b", 1);
    struct job old = add_job(f, &media, 10);
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
    assert_int_equal(media_status_of(f, &other), MEDIA_UPLOADED);
    change_to(f, &old, JOB_FAILED, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_ERROR);
    struct job young = add_job(f, &media, 20);
    change_to(f, &young, JOB_PROCESSING, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
    change_to(f, &young, JOB_CANCELLED, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADED); /* the newest has not failed */
    struct job done = add_job(f, &media, 5);
    change_to(f, &done, JOB_PROCESSING, 0);
    change_to(f, &done, JOB_DONE, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_READY);
    CALL(job_change, old.id,
         (&(struct job_change){ .status = JOB_ENQUEUED, .is_retry = true, .at_ms = 1 }));
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
    CALL(job_delete, old.id);
    assert_int_equal(media_status_of(f, &media), MEDIA_READY);
    CALL(job_delete, done.id);
    CALL(job_delete, young.id);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADED);
    REFUSED(ES_NOT_FOUND, "job_not_found", job_delete, young.id);
}

static void jobs_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    struct media a = add_media(f, &ana, "a", 1), b = add_media(f, &ana, "b", 1),
                 c = add_media(f, &ben, "c", 1);
    for (int i = 0; i < 9; i++) {
        struct job job = add_job(f, i % 3 == 0 ? &a : i % 3 == 1 ? &b : &c, 10 + i / 2);
        if (i >= 6)
            change_to(f, &job, JOB_CANCELLED, 0);
    }
    const struct {
        struct job_query query;
        size_t count;
    } cases[] = {
        { { 0 }, 9 },
        { { .user_id = ana.id }, 6 },
        { { .media_id = c.id }, 3 },
        { { .user_id = ana.id, .media_id = c.id }, 0 },
        { { .status = JOB_CANCELLED }, 3 },
        { { .user_id = ana.id, .status = JOB_ENQUEUED }, 4 },
        { { .is_unfinished = true }, 6 },
        { { .media_id = a.id, .is_unfinished = true }, 2 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t limit = 1; limit < 11; limit++) {
            struct job_query query = cases[i].query;
            query.limit = limit;
            struct job *jobs;
            size_t total = 0, count;
            const char *next;
            int64_t last_ms = INT64_MAX;
            char last_id[ES_ID_SIZE] = "";
            do {
                CALL(job_list, &query, &f->arena, &jobs, &count, &next);
                for (size_t j = 0; j < count; j++) {
                    assert_true(
                        jobs[j].enqueued_at_ms < last_ms ||
                        (jobs[j].enqueued_at_ms == last_ms && strcmp(jobs[j].id, last_id) < 0));
                    last_ms = jobs[j].enqueued_at_ms;
                    memcpy(last_id, jobs[j].id, ES_ID_SIZE);
                }
                total += count;
                query.cursor = next;
            } while (next);
            assert_int_equal(total, cases[i].count);
        }
}

static void jobs_of_the_same_content_are_found_per_user(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    struct media a = add_media(f, &ana, "a", 1), b = add_media(f, &ben, "b", 1);
    struct job last = { 0 };
    for (int i = 0; i < 8; i++) {
        struct job job = { .target = JOB_MP3,
                           .status = i % 2 ? JOB_DONE : JOB_ENQUEUED,
                           .enqueued_at_ms = 10 + i,
                           .attempts = 1 };
        const struct media *media = i < 6 ? &a : &b;
        es_id_v4(job.id);
        memcpy(job.media_id, media->id, ES_ID_SIZE);
        memcpy(job.user_id, media->user_id, ES_ID_SIZE);
        snprintf(job.content_key, sizeof(job.content_key), "%s", i < 2 ? "" : "the key");
        CALL(job_create, &job);
        last = i < 6 ? job : last;
    }
    struct job_query query = { .user_id = ana.id, .content_key = "the key", .limit = 10 };
    struct job *jobs;
    size_t count;
    const char *next;
    CALL(job_list, &query, &f->arena, &jobs, &count, &next);
    assert_int_equal(count, 4);
    query.status = JOB_DONE;
    query.limit = 1;
    CALL(job_list, &query, &f->arena, &jobs, &count, &next);
    assert_int_equal(count, 1);
    assert_string_equal(jobs[0].id, last.id);
    query = (struct job_query){ .user_id = ana.id, .content_key = "another", .limit = 1 };
    CALL(job_list, &query, &f->arena, &jobs, &count, &next);
    assert_int_equal(count, 0);
}

static void deleting_a_media_takes_jobs_and_shares_along(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 1), *read;
    struct share share = { .created_at_ms = 1 }, *shares;
    memcpy(share.media_id, media.id, ES_ID_SIZE);
    memcpy(share.job_id, job.id, ES_ID_SIZE);
    memcpy(share.owner_id, ana.id, ES_ID_SIZE);
    memcpy(share.recipient_id, ben.id, ES_ID_SIZE);
    CALL(share_add, &share);
    CALL(media_delete, media.id);
    REFUSED(ES_NOT_FOUND, "media_not_found", media_delete, media.id);
    REFUSED(ES_NOT_FOUND, "job_not_found", job_get, job.id, &f->arena, &read);
    size_t count;
    CALL(share_list, NULL, ben.id, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
}

static void shares_are_added_once_listed_and_removed(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben"), eva = add_user(f, "eva");
    struct media media = add_media(f, &ana, "a", 1), other = add_media(f, &ana, "b", 1);
    struct job one = add_job(f, &media, 1), two = add_job(f, &media, 2),
               foreign = add_job(f, &other, 3);
    struct share share = { .created_at_ms = 20 }, *shares;
    memcpy(share.media_id, media.id, ES_ID_SIZE);
    memcpy(share.job_id, one.id, ES_ID_SIZE);
    memcpy(share.owner_id, ana.id, ES_ID_SIZE);
    memcpy(share.recipient_id, ben.id, ES_ID_SIZE);
    CALL(share_add, &share);
    share.created_at_ms = 99;
    CALL(share_add, &share);
    memcpy(share.job_id, two.id, ES_ID_SIZE);
    share.created_at_ms = 10;
    CALL(share_add, &share);
    memcpy(share.recipient_id, eva.id, ES_ID_SIZE);
    share.created_at_ms = 30;
    CALL(share_add, &share);

    size_t count;
    CALL(share_list, media.id, NULL, &f->arena, &shares, &count);
    assert_int_equal(count, 3);
    assert_string_equal(shares[0].job_id, two.id);
    assert_string_equal(shares[1].job_id, one.id);
    assert_int_equal(shares[1].created_at_ms, 20);
    assert_string_equal(shares[1].owner_id, ana.id);
    assert_string_equal(shares[1].recipient_username, "ben");
    assert_string_equal(shares[2].recipient_username, "eva");
    CALL(share_list, NULL, ben.id, &f->arena, &shares, &count);
    assert_int_equal(count, 2);
    CALL(share_list, media.id, eva.id, &f->arena, &shares, &count);
    assert_int_equal(count, 1);
    CALL(share_list, other.id, eva.id, &f->arena, &shares, &count);
    assert_int_equal(count, 0);

    memcpy(share.job_id, foreign.id, ES_ID_SIZE); /* a job of another media */
    REFUSED(ES_NOT_FOUND, "job_not_found", share_add, &share);
    memcpy(share.media_id, ana.id, ES_ID_SIZE);
    REFUSED(ES_NOT_FOUND, "media_not_found", share_add, &share);
    memcpy(share.media_id, other.id, ES_ID_SIZE);
    memcpy(share.recipient_id, other.id, ES_ID_SIZE);
    REFUSED(ES_NOT_FOUND, "user_not_found", share_add, &share);

    CALL(share_remove, media.id, two.id, ben.id);
    REFUSED(ES_NOT_FOUND, "share_not_found", share_remove, media.id, two.id, ben.id);
    CALL(job_delete, one.id);
    CALL(share_list, NULL, ben.id, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
    CALL(user_delete, eva.id);
    CALL(share_list, media.id, NULL, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_comes_back_as_it_was),
        TEST(the_state_table_decides),
        TEST(a_change_sets_times_outcome_and_error),
        TEST(an_older_fence_is_refused),
        TEST(racing_changes_agree_on_one_outcome),
        TEST(a_media_has_the_status_of_its_jobs),
        TEST(jobs_are_listed_newest_first),
        TEST(jobs_of_the_same_content_are_found_per_user),
        TEST(deleting_a_media_takes_jobs_and_shares_along),
        TEST(shares_are_added_once_listed_and_removed),
    };
    return contract_run(meta_store_openers, tests);
}
