/* Killed in the middle of a job: a child, the whole program, and a stop that does not wait. Nothing is lost, and what
 * was finished is not done again. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { Client } from '../lib/client.mjs';
import { beginUpload } from '../lib/half_upload.mjs';
import { partsThat } from '../lib/log.mjs';
import { assertNear, decodedSeconds } from '../lib/media.mjs';
import { need } from '../lib/need.mjs';
import { killQuietly, startProgram, temporaryFolder, until } from '../lib/program.mjs';

const film_seconds = 60;
const env = { LEASE_SECONDS: '2' };

/* A minute of moving picture and sound, enough for half a dozen parts. */
async function makeFilm(folder) {
  const film = path.join(folder, 'film.mkv');
  await promisify(execFile)('ffmpeg', ['-v', 'error',
    '-f', 'lavfi', '-i', `testsrc2=d=${film_seconds}:s=640x360:r=25`,
    '-f', 'lavfi', '-i', `sine=f=300:d=${film_seconds}:r=44100`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-c:a', 'aac', film]);
  return film;
}

/* Nothing but the job is at work afterwards. */
async function picturesMade(client, item) {
  for (const picture of ['poster', 'storyboard', 'waveform']) {
    await until(`the ${picture} is made`, async () =>
      (await client.request('GET', `/media/${item.id}/${picture}`)).status !== 503);
  }
}

/* A job with some parts done and others to do. */
async function jobUnderWay(t, options = {}) {
  const program = await startProgram(t, { env: { ...env, ...options.env } });
  const client = await new Client(program.url).signUp();
  const item = await client.upload(await makeFilm(await temporaryFolder(t)));
  await picturesMade(client, item);
  const { job_id } = await client.convert(item.id, 'mp4', { copy: 'never' });
  await until('two parts are done', () => partsThat(program, 'part done', job_id)
    .filter((part) => part.startsWith('convert')).length >= 2, { interval_ms: 10 });
  return { program, client, item, job_id };
}

async function checkOutput(t, client, item, job_id) {
  const job = await client.waitUntilDone(job_id);
  const file = path.join(await temporaryFolder(t), 'output.mp4');
  await writeFile(file, await client.download(item.id, job_id));
  for (const track of ['audio', 'video']) {
    assertNear(await decodedSeconds(file, track), film_seconds, 0.05, track);
  }
  return job;
}

function assertOnce(parts, what) {
  assert.deepEqual([...new Set(parts)], parts, what);
}

/* All objects but the pictures of what was uploaded. */
async function leftovers(folder) {
  const names = await readdir(path.join(folder, 'objects'), { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map((entry) => entry.name)
    .filter((name) => !/^(poster|waveform|storyboard)/.test(name)).sort();
}

test('a killed child costs its part one attempt, and no other part anything', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const { program, client, item, job_id } = await jobUnderWay(t);
  const helpers = await program.descendants();
  const child = helpers.at(-1); // the youngest: helpers come first, children after them
  killQuietly(child);
  await checkOutput(t, client, item, job_id);
  assert.equal(partsThat(program, 'part will be tried again', job_id).length, 1);
  assertOnce(partsThat(program, 'part done', job_id), 'each part is done once');
  assert.equal((await client.call('GET', '/healthz')).status, 'ok');
});

test('kill -9 of the whole program loses nothing', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const { program, client, item, job_id } = await jobUnderWay(t);
  const helpers = await program.descendants();
  killQuietly(program.pid); // the rest must end by itself
  await program.exited;
  await until('the children have ended too', () => helpers.every((pid) => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  }));
  const done_before = partsThat(program, 'part done', job_id);

  const again = await startProgram(t, { data_dir: program.data_dir, env });
  client.url = again.url;
  const job = await checkOutput(t, client, item, job_id);
  assert.equal(job.error, null);
  const begun_again = partsThat(again, 'part started', job_id);
  for (const part of done_before) {
    assert.ok(!begun_again.includes(part), `${part} was done, and was begun again`);
  }
  assertOnce(partsThat(again, 'part done', job_id), 'each part is done once');
  const names = await leftovers(program.data_dir);
  assert.deepEqual(names, ['original.mkv', 'output.mp4'], 'nothing half-written and no intermediates');
});

test('a stop that does not wait hands parts back without counting an attempt', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const { program, client, item, job_id } = await jobUnderWay(t, { env: { DRAIN_SECONDS: '0' } });
  const { code } = await program.stop();
  assert.equal(code, 0);
  assert.ok(partsThat(program, 'part handed back', job_id).length > 0);

  const again = await startProgram(t, { data_dir: program.data_dir, env });
  client.url = again.url;
  await client.waitUntilDone(job_id);
  assert.equal((await client.call('GET', `/media/${item.id}`)).status, 'ready');
  const attempts = again.log.split('\n').filter((line) => line.includes('"part started"'))
    .map((line) => JSON.parse(line).attempt);
  assert.ok(attempts.every((attempt) => attempt === 1), `attempts: ${attempts}`);
});

test('a cancelled job ends its children, and leaves nothing', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const { program, client, item, job_id } = await jobUnderWay(t);
  const cancelled = await client.call('POST', `/jobs/${job_id}/cancel`);
  assert.equal(cancelled.status, 'cancelled');
  await until('its parts are dropped', () => partsThat(program, 'part dropped', job_id).length > 0);
  await until('its objects are gone', async () => (await leftovers(program.data_dir)).length === 1);
  assert.equal((await client.job(job_id)).status, 'cancelled');

  await client.call('POST', `/jobs/${job_id}/retry`);
  await client.waitUntilDone(job_id);
  await client.call('DELETE', `/media/${item.id}`, { status: 204 });
  assert.deepEqual(await leftovers(program.data_dir), []);
});

test('a gateway and a worker over one folder are one system, and either may be killed', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const data_dir = await temporaryFolder(t);
  const gateway = await startProgram(t, { data_dir, env, args: ['gateway'] });
  const client = await new Client(gateway.url).signUp();
  const item = await client.upload(await makeFilm(await temporaryFolder(t)));
  const { job_id } = await client.convert(item.id, 'hls');
  const first = await startProgram(t, {
    data_dir, env: { ...env, METRICS_PORT: '0', WORKER_ID: 'first' }, args: ['worker'],
  });
  await client.waitForJob(job_id, 'playable', (job) => job.playable);
  const playlist = (await client.download(item.id, job_id)).toString();
  assert.match(playlist, /^#EXTM3U/);
  await first.kill();
  await startProgram(t, {
    data_dir, env: { ...env, METRICS_PORT: '0', WORKER_ID: 'second' }, args: ['worker'],
  });
  const job = await client.waitUntilDone(job_id);
  assert.equal(job.playable, true);
});

test('kill -9 in the middle of an upload that is being converted leaves nothing of it', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const program = await startProgram(t, { env });
  const client = await new Client(program.url).signUp();
  await beginUpload(client, await makeFilm(await temporaryFolder(t)), ['hls']);
  const job = await until('the job is there', async () =>
    (await client.call('GET', '/jobs')).items[0]);
  await client.waitForJob(job.job_id, 'playable', (now) => now.playable);
  await program.kill();
  assert.notDeepEqual(await leftovers(program.data_dir), []);

  const again = await startProgram(t, { data_dir: program.data_dir, env });
  client.url = again.url;
  await until('the media is gone', async () =>
    (await client.call('GET', '/media')).items.length === 0);
  assert.deepEqual((await client.call('GET', '/jobs')).items, []);
  await until('its objects are gone', async () =>
    (await leftovers(program.data_dir)).length === 0);
});
