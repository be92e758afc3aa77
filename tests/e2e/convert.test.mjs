/* The whole path with real media: upload, convert three ways, download, and look into what came. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../lib/client.mjs';
import {
  assertNear, decodedSeconds, media, probe, readMp3, streamOf, topBoxes,
} from '../lib/media.mjs';
import { need } from '../lib/need.mjs';
import { startProgram, temporaryFolder } from '../lib/program.mjs';

const tolerance_seconds = 0.05;

/* What the decoder makes of the source, per track; null where there is none. */
async function sourceOf(file) {
  const probed = await probe(file);
  return {
    audio: streamOf(probed, 'audio') ? await decodedSeconds(file, 'audio') : null,
    video: streamOf(probed, 'video') ? await decodedSeconds(file, 'video') : null,
    probed,
  };
}

async function convertAndSave(client, item, target, folder) {
  const accepted = await client.convert(item.id, target);
  assert.equal(accepted.media_id, item.id);
  assert.equal(accepted.target, target);
  assert.equal(accepted.status, 'enqueued');
  const job = await client.waitUntilDone(accepted.job_id);
  assert.equal(job.progress, 1);
  assert.equal(job.output_prefix, `converted/${item.id}/${job.job_id}`);
  assert.equal(job.output_object, `${job.output_prefix}/${
    { mp3: 'output.mp3', mp4: 'output.mp4', hls: 'index.m3u8' }[target]}`);

  if (target === 'hls') {
    const tree = path.join(folder, job.job_id);
    await saveTree(client, item.id, job, tree);
    return { job, file: path.join(tree, 'index.m3u8') };
  }
  const bytes = await client.download(item.id, job.job_id);
  assert.equal(bytes.length, job.output_size_bytes);
  const file = path.join(folder, `${job.job_id}.${target}`);
  await writeFile(file, bytes);
  return { job, file, bytes };
}

/* Every file that a playlist names, and those that these name; by the link of a share, under which
 * relative names work. */
async function saveTree(client, media_id, job, folder) {
  const share = await client.call('GET', `/media/${media_id}/share?job_id=${job.job_id}`);
  const index = new URL(share.url, client.url);
  assert.match(index.pathname, /\/index\.m3u8$/);
  const wanted = ['index.m3u8'];
  for (const name of wanted) {
    assert.ok(!name.includes('..') && !name.startsWith('/'), `a relative name: ${name}`);
    const response = await fetch(new URL(name, index));
    assert.equal(response.status, 200, name);
    const bytes = Buffer.from(await response.arrayBuffer());
    await mkdir(path.join(folder, path.dirname(name)), { recursive: true });
    await writeFile(path.join(folder, name), bytes);
    if (name.endsWith('.m3u8')) {
      assert.match(response.headers.get('content-type'), /^application\/vnd\.apple\.mpegurl/);
      const text = bytes.toString();
      const uris = [...text.matchAll(/URI="([^"]+)"/g)].map((match) => match[1]);
      const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      for (const next of [...uris, ...lines]) {
        const relative = path.posix.join(path.posix.dirname(name), next);
        if (!wanted.includes(relative)) {
          wanted.push(relative);
        }
      }
    }
  }
  return wanted;
}

async function checkMp3(output, source) {
  const { xing, frames, audio_bytes, sample_rate, kbps } = readMp3(output.bytes);
  assert.ok(xing, 'a Xing or Info header');
  assert.equal(xing.name, 'Info', 'constant bit rate says Info');
  assert.equal(xing.frames, frames, 'frames in the header');
  assert.equal(xing.bytes, audio_bytes, 'bytes in the header');
  assert.ok(xing.has_toc);
  assert.match(xing.encoder, /^(LAME|Lavc)/);
  assert.equal(sample_rate, 44_100);
  assert.deepEqual(kbps, [192]);
  const seconds = (frames * 1152 - xing.delay - xing.padding) / sample_rate;
  assertNear(seconds, source.audio, tolerance_seconds, 'seconds by the header');
  assertNear(await decodedSeconds(output.file, 'audio'), source.audio, tolerance_seconds,
    'seconds decoded');
  assert.equal(streamOf(await probe(output.file), 'audio').channels, 2);
}

async function checkTracks(output, source) {
  const probed = await probe(output.file);
  for (const type of ['audio', 'video']) {
    const stream = streamOf(probed, type);
    assert.equal(stream !== undefined, source[type] !== null, `has ${type}`);
    if (stream) {
      assert.equal(stream.codec_name, { audio: source.sound ?? 'aac', video: 'h264' }[type]);
      /* ffmpeg plays the frame before the beginning of a playlist's sound, too. */
      const priming = type === 'audio' && /m3u8/.test(output.file) ? 1024 / stream.sample_rate : 0;
      assertNear(await decodedSeconds(output.file, type), source[type] + priming, tolerance_seconds,
        `seconds of ${type}`);
    }
  }
  return probed;
}

async function checkMp4(output, source) {
  const types = topBoxes(output.bytes).map((box) => box.type);
  assert.equal(types[0], 'ftyp');
  assert.ok(types.indexOf('moov') < types.indexOf('mdat'), `moov first: ${types}`);
  const probed = await checkTracks(output, source);
  const longest = Math.max(source.audio ?? 0, source.video ?? 0);
  assertNear(Number(probed.format.duration), longest, tolerance_seconds, 'seconds by the header');
}

const checks = { mp3: checkMp3, mp4: checkMp4, hls: checkTracks };

const cases = [
  { name: 'film-30s.mp4', targets: ['mp3', 'mp4', 'hls'] },
  { name: 'film-30s.webm', targets: ['mp4', 'hls'] },
  { name: 'film-720p.mp4', targets: ['mp4', 'hls'] },
  { name: 'film-h264.avi', targets: ['mp4'] },
  { name: 'film-mpeg2.mpeg', targets: ['mp3', 'mp4'] },
  { name: 'film-30s.ogv', targets: ['hls'] },
  { name: 'film-surround.mp4', targets: ['mp3', 'mp4'] },
  { name: 'film-22s-no-audio.mp4', targets: ['mp4', 'hls'] },
  { name: 'music-52s.ogg', targets: ['mp3', 'mp4', 'hls'] },
  { name: 'music-43s-48k.ogg', targets: ['mp3'] },
  { name: 'music-139s.flac', targets: ['mp3', 'hls'] },
  { name: 'music-181s-opus.mkv', targets: ['mp3'] },
  { name: 'lena.mp3', targets: ['mp3', 'mp4'], sounds: { mp4: 'mp3' } }, /* copied */
  { name: 'lena.m4a', targets: ['mp3', 'hls'] },
  { name: 'lena-24bit.wav', targets: ['mp3'] },
  { name: 'speech-8k.wav', targets: ['mp3', 'mp4'] },
  { name: 'made/vfr.mkv', targets: ['mp4'] },
  { name: 'made/start-offset.ts', targets: ['mp3', 'mp4', 'hls'] },
  { name: 'made/odd-size.mkv', targets: ['mp4'] },
];

test('real media, converted three ways', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const folder = await temporaryFolder(t);
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  for (const { name, targets, sounds } of cases) {
    const source = await sourceOf(media(name));
    const item = await client.upload(media(name));
    assert.equal(item.status, 'uploaded');
    for (const target of targets) {
      await t.test(`${name} to ${target}`, async () => {
        const output = await convertAndSave(client, item, target, folder);
        await checks[target](output, { ...source, sound: sounds?.[target] });
      });
    }
  }
});
