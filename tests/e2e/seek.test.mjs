/* Seeking in a film that is still being converted: its playlists show the whole of it, and what is
 * asked for comes before what lies between. Told by the order of things, not by their time. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../lib/client.mjs';
import { assertNear, makeFilm } from '../lib/media.mjs';
import { need } from '../lib/need.mjs';
import { sleep, startProgram, temporaryFolder } from '../lib/program.mjs';

const film_seconds = 120;

/* A media playlist: { is_complete, target, segments: [{ seconds, name }], init }. */
function readPlaylist(text) {
  const segments = [...text.matchAll(/#EXTINF:([\d.]+),\n(\S+)/g)]
    .map(([, seconds, name]) => ({ seconds: Number(seconds), name: path.posix.basename(name) }));
  return {
    is_complete: text.includes('#EXT-X-PLAYLIST-TYPE:VOD') && text.includes('#EXT-X-ENDLIST'),
    target: Number(/#EXT-X-TARGETDURATION:(\d+)/.exec(text)[1]),
    init: path.posix.basename(/#EXT-X-MAP:URI="([^"]+)"/.exec(text)[1]),
    segments,
  };
}

class Playing {
  constructor(client, folder) {
    this.client = client;
    this.folder = folder;
  }

  static async start(client, media_id, job_id) {
    const index = await client.request('GET', `/media/${media_id}/stream?job_id=${job_id}`);
    assert.equal(index.status, 200);
    const [address] = /\/hls\/[^/]+/.exec(await index.text());
    return new Playing(client, address);
  }

  /* As a player does: 503 means that it is not there yet. */
  async get(name) {
    for (;;) {
      const response = await this.client.request('GET', `${this.folder}/${name}`);
      if (response.status !== 503) {
        return response;
      }
      await sleep(Number(response.headers.get('retry-after')) * 1000);
    }
  }

  async playlist(track) {
    const response = await this.get(`${track}.m3u8`);
    assert.equal(response.status, 200);
    return readPlaylist(await response.text());
  }
}

const partOf = (name) => Number(/-(\d{5})-\d{5}\.m4s$/.exec(name)[1]);

test('a film that is still being converted', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const folder = await temporaryFolder(t);
  const film = await makeFilm(folder, 'long.mkv', {
    seconds: film_seconds, size: '480x270', video: ['-c:v', 'mpeg4', '-q:v', '5', '-g', '50'],
    audio: ['-c:a', 'flac'],
  });
  const program = await startProgram(t, { env: { WORKER_SLOTS: '1' } });
  const client = await new Client(program.url).signUp();
  const item = await client.upload(film);
  const { job_id } = await client.convert(item.id, 'hls');
  const running = await client.waitForJob(job_id, 'playable', (job) => job.playable);
  assert.notEqual(running.status, 'done');
  const playing = await Playing.start(client, item.id, job_id);
  const before = { video: await playing.playlist('video'), audio: await playing.playlist('audio') };

  await t.test('its playlists show all of it at once', () => {
    for (const [track, playlist] of Object.entries(before)) {
      assert.ok(playlist.is_complete, track);
      const seconds = playlist.segments.reduce((sum, segment) => sum + segment.seconds, 0);
      assertNear(seconds, film_seconds, 0.1, `seconds of ${track}`);
      for (const segment of playlist.segments) {
        assert.ok(Math.round(segment.seconds) <= playlist.target, `${segment.name} is short enough`);
      }
    }
  });

  await t.test('what is asked for is made before what lies between', async () => {
    const wanted = before.video.segments.at(-1).name;
    const response = await playing.get(wanted);
    assert.equal(response.status, 200);
    assert.ok((await response.arrayBuffer()).byteLength > 0);
    await client.waitUntilDone(job_id);

    const objects = path.join(program.data_dir, 'objects', running.output_prefix);
    const madeAt = async (name) => (await stat(path.join(objects, name))).mtimeMs;
    const wanted_at = await madeAt(wanted);
    const parts = new Map(before.video.segments.map((segment) => [partOf(segment.name), segment.name]));
    parts.delete(partOf(wanted));
    const names = [...parts.values()].slice(Math.ceil(parts.size / 2));
    assert.ok(names.length >= 5);
    for (const name of names) {
      assert.ok(wanted_at < await madeAt(name), `${wanted} before ${name}`);
    }
  });

  await t.test('all that was foretold has come, and the final playlists say so', async () => {
    for (const track of ['video', 'audio']) {
      const after = await playing.playlist(track);
      assert.ok(after.is_complete);
      assert.equal(after.init, before[track].init);
      assert.deepEqual(after.segments.map((segment) => segment.name),
        before[track].segments.map((segment) => segment.name));
      after.segments.forEach((segment, i) =>
        assertNear(segment.seconds, before[track].segments[i].seconds, 0.07, segment.name));
    }
    const beyond = await playing.get('video-99999-00001.m4s');
    assert.equal(beyond.status, 404);
  });
});
