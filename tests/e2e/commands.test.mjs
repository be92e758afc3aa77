/* The commands that need no server: probe and convert. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../lib/client.mjs';
import { assertNear, decodedSeconds, media } from '../lib/media.mjs';
import { need } from '../lib/need.mjs';
import { binary, startProgram, temporaryFolder, until } from '../lib/program.mjs';

function start(args, cwd) {
  const child = spawn(binary, args, { cwd, env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  for (const [name, stream] of [['out', child.stdout], ['err', child.stderr]]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      said[name] += text;
    });
  }
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...said }));
  });
  return { child, ended };
}

const run = (args, cwd) => start(args, cwd).ended;

test('every command explains itself, and words that it does not know are refused', async () => {
  const overview = await run(['--help']);
  assert.equal(overview.code, 0);
  const commands = [...overview.out.matchAll(/^ {2}(\w+) +[a-z]/gm)].map((match) => match[1])
    .filter((name) => name !== 'version');
  assert.ok(commands.includes('probe') && commands.includes('convert'));
  for (const name of commands) {
    const help = await run([name, '--help']);
    assert.equal(help.code, 0, name);
    assert.match(help.out, new RegExp(`^usage: espotifai ${name} .*\n\n[A-Z].*\\.\n`));
    assert.ok(help.out.split('\n').every((line) => line.length <= 100), `${name}: short lines`);
    const odd = await run([name, '--no-such-option']);
    assert.equal(odd.code, 2, name);
    assert.match(odd.err, new RegExp(`usage: espotifai ${name}`));
    assert.equal(odd.out, '');
  }
  assert.equal((await run([])).code, 2);
  assert.equal((await run(['no-such-command'])).code, 2);
});

test('probe tells what a file holds', async () => {
  const { code, out, err } = await run(['probe', media('film-30s.mp4'), media('made/cover.flac')]);
  assert.equal(err, '');
  assert.equal(code, 0);
  const [film, song] = out.split('\n\n');
  assert.match(film, /film-30s\.mp4\n {2}file +MP4\/MOV, 0:30, 2\.\d MiB, \d+ kb\/s\n/);
  assert.match(film, /\n {2}video +h264, 480x270, 29\.97 fps, \d+ kb\/s/);
  assert.match(film, /\n {2}audio +aac, 44\.1 kHz, stereo, \d+ kb\/s/);
  assert.match(song, /\n {2}audio +flac, 44\.1 kHz, mono/);
  assert.match(song, /\n {2}picture +mjpeg, 300x300/);
  assert.match(song, /\n {2}artist +Niño Ñandú\n/);
});

test('probe --json says what the API says of the same file', async (t) => {
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  for (const name of ['film-30s.webm', 'made/cover.flac']) {
    const uploaded = await client.upload(media(name));
    const { code, out } = await run(['probe', '--json', media(name)]);
    assert.equal(code, 0);
    assert.equal(out.split('\n').length, 2, 'one line');
    const told = JSON.parse(out);
    for (const member of ['original_filename', 'original_size_bytes', 'content_type',
      'duration_seconds', 'streams', 'tags']) {
      assert.deepEqual(told[member], uploaded[member], `${name}: ${member}`);
    }
  }
});

test('probe says which file is none, and tells of the others', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(path.join(folder, 'words.mp3'), 'only words, whatever the name says\n'.repeat(99));
  await writeFile(path.join(folder, 'empty.mp4'), '');
  const { code, out, err } = await run(
    ['probe', 'none.mp3', '.', 'words.mp3', 'empty.mp4', media('speech-mono.wav')], folder);
  assert.equal(code, 1);
  const lines = err.trimEnd().split('\n');
  assert.match(lines[0], /'none\.mp3': No such file/);
  assert.match(lines[1], /'\.' is a folder/);
  assert.match(lines[2], /words\.mp3: .*no audio or video/);
  assert.match(lines[3], /empty\.mp4: .*empty/);
  assert.equal(lines.length, 4);
  assert.match(out, /speech-mono\.wav\n {2}file +WAV/);
  assert.equal((await run(['probe'])).code, 2);
});

test('convert makes each format, and says what of what', async (t) => {
  const folder = await temporaryFolder(t);
  const song = media('lena.flac');
  const mp3 = await run(['convert', song, 'deep/er/song.mp3'], folder);
  assert.equal(mp3.code, 0, mp3.err);
  assert.match(mp3.out, /lena\.flac -> deep\/er\/song\.mp3\n {2}from {2}FLAC, 0:12, .*\n +flac, 44\.1 kHz, mono/);
  assert.match(mp3.out, /\n {2}made {2}MP3, 0:12, .*\n +mp3, 44\.1 kHz, stereo, 192 kb\/s\n/);
  assert.match(mp3.out, /\n {2}took {2}\d+\.\d s, \d+\.\d times real time\n$/);
  assert.deepEqual(await readdir(path.join(folder, 'deep/er')), ['song.mp3']);
  if (need(t, 'ffmpeg')) {
    assertNear(await decodedSeconds(path.join(folder, 'deep/er/song.mp3'), 'audio'),
      await decodedSeconds(song, 'audio'), 0.05, 'seconds');
  }

  const hls = await run(['convert', '--bitrate', '96', song, 'stream/'], folder);
  assert.equal(hls.code, 0, hls.err);
  assert.match(hls.out, /\n {2}made {2}HLS, \d+ files, \d+\.\d KiB\n/);
  const files = await readdir(path.join(folder, 'stream'));
  assert.equal(files.length, Number(/(\d+) files/.exec(hls.out)[1]));
  const index = await readFile(path.join(folder, 'stream/index.m3u8'), 'utf8');
  for (const name of index.split('\n').filter((line) => line !== '' && !line.startsWith('#'))) {
    assert.ok(files.includes(name), name);
  }
});

test('convert replaces nothing unless told to', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(path.join(folder, 'song.mp3'), 'mine');
  const refused = await run(['convert', media('speech-mono.wav'), 'song.mp3'], folder);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /'song\.mp3' exists; --force replaces it/);
  assert.equal(await readFile(path.join(folder, 'song.mp3'), 'utf8'), 'mine');
  const forced = await run(['convert', '--force', media('speech-mono.wav'), 'song.mp3'], folder);
  assert.equal(forced.code, 0, forced.err);
  assert.equal((await run(['probe', 'song.mp3'], folder)).code, 0);
});

test('what cannot be converted leaves nothing behind', async (t) => {
  const folder = await temporaryFolder(t);
  const words = path.join(await temporaryFolder(t), 'words.mp4');
  await writeFile(words, 'only words\n'.repeat(999));
  for (const [args, code, reason] of [
    [['none.mp4', 'a/out.mp3'], 1, /'none\.mp4': No such file/],
    [['..', 'a/out.mp3'], 1, /'\.\.' is a folder/],
    [[words, 'a/b/out.mp3'], 1, /words\.mp4: .*no audio or video/],
    [[media('made/no-audio.mp4'), 'a/b/out.mp3'], 1, /no-audio\.mp4: .*no audio/],
    [[media('lena.mp3'), '/proc/none/out.mp3'], 1, /cannot (make the folder|write)/],
    [[media('lena.mp3'), 'out.txt'], 2, /'out\.txt' says no format/],
    [['--bitrate', '1', media('lena.mp3'), 'out.mp3'], 2, /bitrate must be/],
    [['--normalize', '-3', media('lena.mp3'), 'out.mp3'], 2, /normalize must be/],
    [['--normalize=loud', media('lena.mp3'), 'out.mp3'], 2, /'loud' is no value/],
    [['--quality', 'x', media('lena.mp3'), 'out.mp3'], 2, /'x' is no value/],
    [[media('lena.mp3')], 2, /usage/],
  ]) {
    const answer = await run(['convert', ...args], folder);
    assert.equal(answer.code, code, `${args}: ${answer.err}`);
    assert.match(answer.err, reason);
    assert.equal(answer.out, '');
    assert.deepEqual(await readdir(folder), [], `${args}`);
  }
});

test('an interrupted conversion leaves nothing behind', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(path.join(folder, 'there'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const { child, ended } = start(
      ['convert', '--copy', 'never', media('made/film-5min.mkv'), 'there/to/film/'], folder);
    await until('parts are being made', async () =>
      (await readdir(folder, { recursive: true })).some((name) => name.endsWith('.m4s')));
    child.kill(signal);
    const { code, out, err } = await ended;
    assert.equal(code, 130, err);
    assert.equal(out, '');
    assert.match(err, /interrupted; nothing is left behind/);
    assert.deepEqual(await readdir(folder, { recursive: true }), ['there']);
  }
});
