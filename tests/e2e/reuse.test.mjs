/* The same conversion is never done twice, with real media and real files. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../lib/client.mjs';
import { media } from '../lib/media.mjs';
import { startProgram } from '../lib/program.mjs';

async function metric(client, name) {
  const text = await (await client.request('GET', '/metrics')).text();
  return text.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/* { name: bytes } of an HLS tree, by a link. */
async function tree(client, media_id, job_id) {
  const share = await client.call('GET', `/media/${media_id}/share?job_id=${job_id}`);
  const index = new URL(share.url, client.url);
  const names = ['index.m3u8'];
  const files = {};
  for (const name of names) {
    const response = await fetch(new URL(name, index));
    assert.equal(response.status, 200, name);
    files[name] = Buffer.from(await response.arrayBuffer()).toString('latin1');
    if (name.endsWith('.m3u8')) {
      const uris = [...files[name].matchAll(/URI="([^"]+)"/g)].map((match) => match[1]);
      const lines = files[name].split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      names.push(...[...uris, ...lines].filter((next) => !names.includes(next)));
    }
  }
  return files;
}

test('what was made from the same bytes is done at the first question', async (t) => {
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const film = media('film-30s.mp4');
  const first = await client.upload(film);
  const second = await client.upload(film, 'the same film.mp4');
  const made = {};
  for (const target of ['mp3', 'mp4', 'hls']) {
    const { job_id } = await client.convert(first.id, target);
    made[target] = await client.waitUntilDone(job_id);
  }
  const done = await metric(client, 'worker_jobs_done_total');
  for (const target of ['mp3', 'mp4', 'hls']) {
    const answer = await client.convert(second.id, target);
    assert.equal(answer.status, 'enqueued');
    const job = await client.job(answer.job_id);
    assert.equal(job.status, 'done');
    assert.equal(job.progress, 1);
    assert.equal(job.media_id, second.id);
    assert.equal(job.output_prefix, `converted/${second.id}/${job.job_id}`);
    assert.equal(job.output_size_bytes, made[target].output_size_bytes);

    const same = target === 'hls' ? tree
      : (_, ...ids) => client.download(...ids).then((bytes) => bytes.toString('latin1'));
    const before = await same(client, first.id, made[target].job_id);
    assert.deepEqual(await same(client, second.id, job.job_id), before);
    const object = path.join(program.data_dir, 'objects', job.output_object);
    assert.equal((await stat(object)).nlink, 2, 'one file, two names');

    await client.call('DELETE', `/jobs/${made[target].job_id}`, { status: 204 });
    assert.deepEqual(await same(client, second.id, job.job_id), before, 'plays on');
    assert.equal((await stat(object)).nlink, 1);
  }
  assert.equal(await metric(client, 'worker_jobs_done_total'), done, 'no worker was needed');
  assert.equal(await metric(client, 'api_jobs_reused_total'), 3);

  const other = await new Client(program.url).signUp();
  const theirs = await other.upload(film);
  const { job_id } = await other.convert(theirs.id, 'mp3');
  await other.waitUntilDone(job_id);
  assert.equal(await metric(client, 'worker_jobs_done_total'), done + 1, 'nothing between users');
});

test('asked for twice at once, it is made once', async (t) => {
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const item = await client.upload(media('film-30s.webm'));
  const answers = await Promise.all([1, 2, 3].map(() => client.convert(item.id, 'mp4')));
  const jobs = await Promise.all(answers.map(({ job_id }) => client.waitUntilDone(job_id)));
  assert.equal(new Set(jobs.map((job) => job.job_id)).size, 3);
  assert.equal(new Set(jobs.map((job) => job.output_size_bytes)).size, 1);
  const [made, reused] = [await metric(client, 'worker_jobs_done_total'),
    await metric(client, 'api_jobs_reused_total')];
  assert.equal(made + reused, 3);
  assert.ok(made < 3, 'not each on its own');
});
