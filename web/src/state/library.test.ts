import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Media } from '../api';
import {
  EMPTY_LIBRARY,
  applyFirstPage,
  applyJob,
  applyMedia,
  applyNextPage,
  hasActiveJobs,
  isPlayable,
  isRetryable,
  mediaTitle,
  removeJob,
  removeMedia,
  sortedJobs,
} from './library';

const job = (fields: Partial<Job> = {}): Job => ({
  job_id: 'j1',
  media_id: 'm1',
  target: 'mp3',
  status: 'processing',
  enqueued_at: '2025-01-01T00:00:00.000Z',
  updated_at: '2025-01-01T00:00:01.000Z',
  ...fields,
});

const media = (fields: Partial<Media> = {}): Media => ({
  id: 'm1',
  user_id: 'u1',
  original_filename: 'a.flac',
  original_size_bytes: 1,
  created_at: '2025-01-01T00:00:00.000Z',
  status: 'uploaded',
  jobs: {},
  ...fields,
});

const library = (...items: Media[]) => ({ items, next_cursor: null, is_loaded: true });

test('news of a job goes into its media', () => {
  const before = library(media(), media({ id: 'm2' }));
  const after = applyJob(before, job({ progress: 0.5 }));
  assert.equal(after.items[0]?.jobs.j1?.progress, 0.5);
  assert.equal(after.items[1], before.items[1]);
  assert.ok(hasActiveJobs(after));
});

test('news of a job whose media is not shown changes nothing', () => {
  const before = library(media());
  assert.equal(applyJob(before, job({ media_id: 'other' })), before);
});

test('an older state never overwrites a newer one', () => {
  const done = job({ status: 'done', updated_at: '2025-01-01T00:00:09.000Z' });
  const before = library(media({ jobs: { j1: done } }));
  assert.equal(applyJob(before, job()), before);
});

test('at one time stamp progress only grows and a final state stands', () => {
  const half = library(media({ jobs: { j1: job({ progress: 0.5 }) } }));
  assert.equal(applyJob(half, job({ progress: 0.4 })), half);
  assert.equal(applyJob(half, job({ progress: 0.6 })).items[0]?.jobs.j1?.progress, 0.6);
  const failed = applyJob(half, job({ status: 'failed' }));
  assert.equal(failed.items[0]?.jobs.j1?.status, 'failed');
  assert.equal(applyJob(failed, job({ progress: 0.9 })), failed);
});

test('a retry starts again from the beginning', () => {
  const failed = library(media({ jobs: { j1: job({ status: 'failed', progress: 0.7 }) } }));
  const retried = job({ status: 'enqueued', progress: 0, updated_at: '2025-01-01T00:01:00.000Z' });
  assert.equal(applyJob(failed, retried).items[0]?.jobs.j1?.status, 'enqueued');
});

test('a new media goes to the top, a known one keeps its place', () => {
  const before = library(media(), media({ id: 'm2' }));
  assert.deepEqual(
    applyMedia(before, media({ id: 'm3' })).items.map((m) => m.id),
    ['m3', 'm1', 'm2'],
  );
  const renamed = applyMedia(before, media({ id: 'm2', original_filename: 'b' }));
  assert.equal(renamed.items[1]?.original_filename, 'b');
});

test('a media that arrives without its jobs has none', () => {
  const bare = { ...media(), jobs: undefined } as unknown as Media;
  assert.deepEqual(applyMedia(EMPTY_LIBRARY, bare).items[0]?.jobs, {});
});

test('what is deleted is gone', () => {
  const before = library(media({ jobs: { j1: job() } }), media({ id: 'm2' }));
  assert.deepEqual(removeJob(before, 'm1', 'j1').items[0]?.jobs, {});
  assert.deepEqual(
    removeMedia(before, 'm1').items.map((m) => m.id),
    ['m2'],
  );
});

test('reading the first page again keeps the older pages and drops what is gone', () => {
  const at = (id: string, day: number) =>
    media({ id, created_at: `2025-01-0${day}T00:00:00.000Z` });
  let state = applyFirstPage(EMPTY_LIBRARY, [at('d', 4), at('c', 3)], 'after-c');
  state = applyNextPage(state, [at('b', 2), at('a', 1)], null);
  assert.deepEqual(
    state.items.map((m) => m.id),
    ['d', 'c', 'b', 'a'],
  );
  state = applyFirstPage(state, [at('e', 5), at('c', 3)], 'after-c');
  assert.deepEqual(
    state.items.map((m) => m.id),
    ['e', 'c', 'b', 'a'],
  );
  assert.equal(state.next_cursor, null);
  state = applyFirstPage(state, [at('e', 5)], null);
  assert.deepEqual(
    state.items.map((m) => m.id),
    ['e'],
  );
});

test('HLS plays before it is finished, files only afterwards', () => {
  assert.ok(isPlayable(job({ target: 'hls', playable: true })));
  assert.ok(!isPlayable(job({ target: 'hls', playable: false })));
  assert.ok(isPlayable(job({ target: 'mp3', playable: true })));
  assert.ok(!isPlayable(job({ target: 'mp3', playable: false })));
  assert.ok(isPlayable(job({ status: 'done' })));
  assert.ok(!isPlayable(job({ target: 'hls', playable: true, status: 'failed' })));
});

test('another try is offered only where it can help', () => {
  const failed = (retryable?: boolean) =>
    job({ status: 'failed', error: { code: 'x', detail: 'x', retryable } });
  assert.ok(isRetryable(job({ status: 'cancelled' })));
  assert.ok(isRetryable(failed(true)));
  assert.ok(isRetryable(failed()), 'a server that does not say');
  assert.ok(!isRetryable(failed(false)));
  assert.ok(!isRetryable(job({ status: 'done' })));
  assert.ok(!isRetryable(job()));
});

test('jobs are listed newest first', () => {
  const jobs = {
    a: job({ job_id: 'a', enqueued_at: '2025-01-01T00:00:00.000Z' }),
    b: job({ job_id: 'b', enqueued_at: '2025-01-02T00:00:00.000Z' }),
  };
  assert.deepEqual(
    sortedJobs(jobs).map((j) => j.job_id),
    ['b', 'a'],
  );
});

test('a title comes from the tags, or else from the file', () => {
  assert.equal(mediaTitle(media()), 'a.flac');
  assert.equal(mediaTitle(media({ tags: { title: 'Song' } })), 'Song');
  assert.equal(mediaTitle(media({ tags: { title: 'Song', artist: 'Band' } })), 'Song · Band');
});
