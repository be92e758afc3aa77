/* Conversion while the file is still being uploaded. Half of it is sent, and then nothing until the
 * test has seen what it wants to see. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { Client, uploadStreamed } from '../lib/client.mjs';
import { beginUpload } from '../lib/half_upload.mjs';
import { assertNear, decodedSeconds, readMp3 } from '../lib/media.mjs';
import { need } from '../lib/need.mjs';
import { startProgram, temporaryFolder, until } from '../lib/program.mjs';

const film_seconds = 60;

async function make(folder, name, ...options) {
  const file = path.join(folder, name);
  await promisify(execFile)('ffmpeg', ['-v', 'error',
    '-f', 'lavfi', '-i', `mandelbrot=s=320x180:r=25,trim=duration=${film_seconds},noise=alls=12:allf=t`,
    '-f', 'lavfi', '-i', `anoisesrc=a=0.2:d=${film_seconds}:r=44100`, ...options, file]);
  return file;
}

const film_codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '20', '-g', '50', '-c:a', 'aac'];

async function finish(upload) {
  upload.go_on();
  const { status, body } = await upload.answered;
  assert.equal(status, 200, body);
  return JSON.parse(body);
}

async function uploadingMedia(client) {
  return until('the media is there', async () => {
    const { items } = await client.call('GET', '/media?status=uploading');
    return items[0];
  });
}

async function onlyJob(client) {
  return until('the job is there', async () => {
    const { items } = await client.call('GET', '/jobs');
    return items[0];
  });
}

/* Everything that the job's playlists name by now, down to the segments: { name: bytes }. */
async function fetchTree(client, media_id, job_id) {
  const found = new Map();
  const wanted = [new URL(`/media/${media_id}/stream?job_id=${job_id}`, client.url).href];
  for (const url of wanted) {
    const response = await client.request('GET', url);
    assert.equal(response.status, 200, url);
    const bytes = Buffer.from(await response.arrayBuffer());
    found.set(path.basename(new URL(url).pathname), bytes);
    if (!/mpegurl/.test(response.headers.get('content-type'))) {
      continue;
    }
    const text = bytes.toString();
    const names = [...text.matchAll(/URI="([^"]+)"/g)].map((match) => match[1])
      .concat(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')));
    for (const next of names.map((name) => new URL(name, url).href)) {
      if (!wanted.includes(next)) {
        wanted.push(next);
      }
    }
  }
  return found;
}

async function objects(program) {
  const names = await readdir(path.join(program.data_dir, 'objects'),
    { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

async function saved(folder, name, bytes) {
  const file = path.join(folder, name);
  await writeFile(file, bytes);
  return file;
}

async function checkPlayed(client, folder, item, job_id) {
  const job = await client.waitUntilDone(job_id);
  assert.equal(job.details, null);
  const link = await client.call('GET', `/media/${item.id}/share?job_id=${job_id}`);
  const index = new URL(link.url, client.url).href;
  for (const track of ['audio', 'video']) {
    assertNear(await decodedSeconds(index, track), film_seconds, 0.1, track);
  }
}

for (const name of ['film.mkv', 'film.mp4', 'film.ts']) {
  test(`${name} becomes HLS that plays before its second half is sent`, async (t) => {
    if (!need(t, 'ffmpeg')) {
      return;
    }
    const folder = await temporaryFolder(t);
    const file = await make(folder, name, ...film_codecs,
      ...(name.endsWith('.mp4') ? ['-movflags', '+faststart'] : []));
    const program = await startProgram(t);
    const client = await new Client(program.url).signUp();
    const upload = await beginUpload(client, file, ['hls']);
    const { job_id, media_id } = await onlyJob(client);
    await client.waitForJob(job_id, 'playable', (job) => job.playable);
    const tree = await fetchTree(client, media_id, job_id);
    const segments = [...tree.keys()].filter((segment) => segment.endsWith('.m4s'));
    assert.ok(segments.some((segment) => segment.startsWith('video')), segments.join());
    assert.ok(segments.some((segment) => segment.startsWith('audio')), segments.join());

    const before = await uploadingMedia(client);
    assert.equal(before.id, media_id);
    assert.equal(before.sha256, null);
    assert.ok(before.original_size_bytes > 0 && before.original_size_bytes < upload.bytes.length);
    assert.equal((await client.job(job_id)).status, 'processing');

    const item = await finish(upload);
    assert.equal(item.id, media_id);
    assert.deepEqual(item.job_ids, [job_id]);
    assert.equal(item.original_size_bytes, upload.bytes.length);
    assert.match(item.sha256, /^[0-9a-f]{64}$/);
    assertNear(item.duration_seconds, film_seconds, 0.2, 'seconds of the media');
    assert.notEqual(item.status, 'uploading');
    await checkPlayed(client, folder, item, job_id);
    assert.equal((await client.call('GET', `/media/${item.id}`)).status, 'ready');
  });
}

for (const name of ['sound.wav', 'sound.flac', 'sound.ogg', 'sound.mp3']) {
  test(`${name} becomes MP3 while it is sent`, async (t) => {
    if (!need(t, 'ffmpeg')) {
      return;
    }
    const folder = await temporaryFolder(t);
    const file = await make(folder, name, '-vn', ...(name.endsWith('.mp3') ? ['-b:a', '320k'] : []));
    const program = await startProgram(t);
    const client = await new Client(program.url).signUp();
    const upload = await beginUpload(client, file, ['mp3']);
    const { job_id } = await onlyJob(client);
    await until('the part is at work', () => program.log.split('\n').some((line) =>
      line.includes('"part started"') && line.includes('"convert"')));
    const item = await finish(upload);
    const job = await client.waitUntilDone(job_id);
    assert.equal(job.details, null);
    const bytes = await client.download(item.id, job_id);
    assert.equal(bytes.length, job.output_size_bytes);
    const { xing, frames } = readMp3(bytes);
    assert.equal(xing.frames, frames);

    const { job_id: other_id } = await client.convert(item.id, 'mp3');
    await client.waitUntilDone(other_id);
    const after = await saved(folder, 'after.mp3', await client.download(item.id, other_id));
    assertNear(await decodedSeconds(await saved(folder, 'during.mp3', bytes), 'audio'),
      await decodedSeconds(after, 'audio'), 0.001, 'seconds, as if converted when it was whole');
  });
}

test('MP4 with its index at the end is converted once it is whole', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const folder = await temporaryFolder(t);
  const file = await make(folder, 'film.mp4', ...film_codecs);
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const upload = await beginUpload(client, file, ['mp4', 'mp3']);
  const item = await finish(upload);
  assert.equal(item.job_ids.length, 2);
  for (const job_id of item.job_ids) {
    await client.waitUntilDone(job_id);
  }
});

test('an upload that is broken off takes its media and jobs with it', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const folder = await temporaryFolder(t);
  const file = await make(folder, 'film.mkv', ...film_codecs);
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const upload = await beginUpload(client, file, ['hls']);
  const { job_id } = await onlyJob(client);
  await client.waitForJob(job_id, 'playable', (job) => job.playable);
  upload.breakOff();
  await until('the media is gone', async () =>
    (await client.call('GET', '/media')).items.length === 0);
  await until('nothing is left', async () => (await objects(program)).length === 0);
  await client.call('GET', `/jobs/${job_id}/status`, { status: 404 });
});

test('what is no media is refused before it is whole', async (t) => {
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const line = Buffer.alloc(64 * 1024, 'these are only words, and more words, and no sound at all\n');
  const piece_count = 200;
  let sent = 0;
  async function* chunks() {
    for (; sent < piece_count; sent++) {
      yield line;
    }
  }
  const { status, body } = await uploadStreamed(client, 'words.mp3', piece_count * line.length,
    chunks(), { convert: ['mp3'] });
  assert.equal(status, 400, body);
  assert.equal(JSON.parse(body).code, 'unsupported_format');
  assert.deepEqual((await client.call('GET', '/media')).items, []);
  assert.deepEqual(await objects(program), []);
});
