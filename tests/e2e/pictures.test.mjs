/* Posters, waveforms and storyboards of real media, as a client gets them. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../lib/client.mjs';
import { assertNear, media, probe } from '../lib/media.mjs';
import { startProgram, temporaryFolder, until } from '../lib/program.mjs';

/* The answer once the picture is there; a client that is told to wait does so. */
async function picture(client, address, options) {
  return until(`${address} is there`, async () => {
    const response = await client.request('GET', address, options);
    if (response.status === 503) {
      const problem = await response.json();
      assert.equal(problem.code, 'depiction_pending');
      assert.ok(Number(response.headers.get('retry-after')) >= 1);
      return null;
    }
    return response;
  }, { timeout_ms: 120_000, interval_ms: 200 });
}

async function save(response, folder, name) {
  assert.equal(response.status, 200, name);
  const file = path.join(folder, name);
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  return file;
}

async function start(t) {
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  return { program, client, folder: await temporaryFolder(t) };
}

test('a film has a poster, a waveform and a storyboard', async (t) => {
  const { client, folder } = await start(t);
  const item = await client.upload(media('film-30s.mp4'));
  assert.equal(item.poster_url, `/media/${item.id}/poster`);
  assert.equal(item.waveform_url, `/media/${item.id}/waveform`);
  assert.equal(item.storyboard_url, `/media/${item.id}/storyboard`);

  const poster = await picture(client, item.poster_url);
  assert.equal(poster.headers.get('content-type'), 'image/jpeg');
  const etag = poster.headers.get('etag');
  const { streams: [stream] } = await probe(await save(poster, folder, 'poster.jpg'));
  assert.deepEqual([stream.codec_name, stream.width, stream.height], ['mjpeg', 480, 270]);
  const again = await client.request('GET', item.poster_url, { headers: { 'if-none-match': etag } });
  assert.equal(again.status, 304);
  const part = await client.request('GET', item.poster_url, { headers: { range: 'bytes=0-1' } });
  assert.equal(part.status, 206);
  assert.deepEqual([...new Uint8Array(await part.arrayBuffer())], [0xff, 0xd8]);

  const image = await probe(await save(await picture(client, item.waveform_url), folder, 'waveform.png'));
  assert.deepEqual([image.streams[0].codec_name, image.streams[0].width, image.streams[0].height],
    ['png', 1800, 280]);
  const peaks = await (await picture(client, `${item.waveform_url}?format=json`)).json();
  assert.equal(peaks.version, 2);
  assert.equal(peaks.data.length, 2 * peaks.length);
  assertNear((peaks.length * peaks.samples_per_pixel) / peaks.sample_rate, item.duration_seconds, 0.2,
    'the length of the waveform');

  const storyboard = await picture(client, item.storyboard_url);
  assert.match(storyboard.headers.get('content-type'), /^text\/vtt/);
  const cues = (await storyboard.text()).split('\n').filter((line) => line.includes('#xywh='));
  assert.equal(cues.length, 15);
  const sheet = new URL(cues[14].split('#')[0], new URL(item.storyboard_url, client.url));
  const sheet_file = await save(await client.request('GET', sheet.pathname), folder, 'sheet.jpg');
  assert.equal((await probe(sheet_file)).streams[0].width, 1600);
  await client.call('GET', `${item.storyboard_url}/storyboard-002.jpg`, { status: 404 });
  await client.call('GET', `${item.storyboard_url}/original.mp4`, { status: 404 });
});

test('music has its cover, its outline and its loudness', async (t) => {
  const { client, folder } = await start(t);
  const item = await client.upload(media('made/cover.mp3'));
  const cover = await probe(await save(await picture(client, item.poster_url), folder, 'cover.jpg'));
  assert.deepEqual([cover.streams[0].width, cover.streams[0].height], [300, 300]);
  assert.equal(item.storyboard_url, null);
  const { code } = await client.call('GET', `/media/${item.id}/storyboard`, { status: 404 });
  assert.equal(code, 'depiction_none');

  assert.equal((await picture(client, item.waveform_url)).status, 200);
  const { loudness } = await until('the loudness is known', async () => {
    const now = await client.call('GET', `/media/${item.id}`);
    return now.loudness === null ? null : now;
  });
  assert.ok(loudness.integrated < 0 && loudness.integrated > -60, `${loudness.integrated} LUFS`);
  assert.ok(loudness.range >= 0 && loudness.true_peak < 3);
});

test('who may play may see, and nobody else', async (t) => {
  const { program, client } = await start(t);
  const item = await client.upload(media('made/tiny-16x16.mp4'));
  const job = await client.waitUntilDone((await client.convert(item.id, 'mp4')).job_id);
  await picture(client, item.poster_url);
  await picture(client, item.storyboard_url);
  const stranger = await new Client(program.url).signUp();
  const nobody = new Client(program.url);
  const by_job = `?job_id=${job.job_id}`;

  await stranger.call('GET', item.poster_url, { status: 404 });
  await nobody.call('GET', item.poster_url, { status: 401 });
  assert.equal((await nobody.request('GET', item.poster_url + by_job)).status, 200);
  await client.call('PATCH', `/media/${item.id}`, { json: { playback: 'signed' } });
  await nobody.call('GET', item.poster_url + by_job, { status: 401 });
  await stranger.call('GET', item.poster_url + by_job, { status: 403 });

  await client.call('POST', `/media/${item.id}/share-with-user`,
    { json: { username_to_share: stranger.username, job_id: job.job_id } });
  const { items: [shared] } = await stranger.call('GET', '/media/shared-with-me');
  assert.equal(shared.poster_url, item.poster_url);
  assert.equal((await stranger.request('GET', shared.poster_url)).status, 200);

  const { url } = await client.call('GET', `/media/${item.id}/share?job_id=${job.job_id}`);
  const link = new URL(url).searchParams.get('link');
  const index = await nobody.request('GET', `${item.storyboard_url}?link=${link}`);
  assert.equal(index.status, 200);
  const sheet = (await index.text()).split('\n').find((line) => line.includes('#xywh='));
  const address = new URL(sheet, new URL(item.storyboard_url, client.url));
  assert.equal((await nobody.request('GET', address.pathname + address.search)).status, 200);
});

test('pictures go with their media', async (t) => {
  const { program, client } = await start(t);
  const item = await client.upload(media('film-22s-no-audio.mp4'));
  assert.equal(item.waveform_url, null);
  await picture(client, item.storyboard_url);
  const objects = path.join(program.data_dir, 'objects', 'uploads');
  const before = await readdir(objects, { recursive: true });
  assert.ok(before.some((name) => name.endsWith('poster.jpg')), before.join());
  await client.call('DELETE', `/media/${item.id}`, { status: 204 });
  const left = await readdir(path.dirname(objects), { recursive: true });
  assert.deepEqual(left.filter((name) => name.includes(item.id)), []);
});
