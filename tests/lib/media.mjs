/* What media files hold, by the ffmpeg and ffprobe programs and by own reading of the bytes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { root } from './program.mjs';

const folder = path.join(root, 'tests/media/files');

/* The path of a fetched file, or of one made ("made/..."). */
export function media(name) {
  const file = path.join(folder, name);
  assert.ok(existsSync(file), `${file} is missing: run tests/media/fetch and tests/media/make`);
  return file;
}

async function run(program, args, { on_bytes } = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaints = '';
  child.stdout.on('data', (chunk) => {
    if (on_bytes) {
      on_bytes(chunk);
    } else {
      output += chunk;
    }
  });
  child.stderr.on('data', (text) => {
    complaints += text;
  });
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, output, complaints };
}

/* A moving picture with a tone beside it, by the ffmpeg program. `video` and `audio` are its
 * arguments for either. */
export async function makeFilm(into, name, { seconds, size, rate = 25, video, audio }) {
  const file = path.join(into, name);
  const { code, complaints } = await run('ffmpeg', ['-nostdin', '-v', 'error', '-y',
    '-f', 'lavfi', '-i', `testsrc2=d=${seconds}:s=${size}:r=${rate}`,
    '-f', 'lavfi', '-i', `sine=d=${seconds}:r=48000`, ...video, ...audio, file]);
  assert.equal(code, 0, `making ${file}: ${complaints}`);
  return file;
}

/* Stereo sound that is not simple, in the format of the name, or as `codec` has it. */
export async function makeSound(into, name, seconds, codec = []) {
  const file = path.join(into, name);
  const { code, complaints } = await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi',
    '-i', `aevalsrc='sin(330*2*PI*t)*sin(2*t)/2+random(0)/9':d=${seconds}:s=44100`, '-ac', '2',
    ...codec, file]);
  assert.equal(code, 0, `making ${file}: ${complaints}`);
  return file;
}

/* { format, streams } as ffprobe tells them. */
export async function probe(file) {
  const { code, output, complaints } = await run('ffprobe',
    ['-v', 'error', '-show_format', '-show_streams', '-of', 'json', file]);
  assert.equal(code, 0, `ffprobe ${file}: ${complaints}`);
  return JSON.parse(output);
}

export function streamOf(probed, type) {
  return probed.streams.find((stream) =>
    stream.codec_type === type && !stream.disposition?.attached_pic);
}

/* Decodes one track from beginning to end and returns how long it is, in seconds, by what came out
 * of the decoder. Any complaint of the decoder fails. */
export async function decodedSeconds(file, type) {
  return type === 'audio' ? decodedAudioSeconds(file) : decodedVideoSeconds(file);
}

async function decodedAudioSeconds(file) {
  const rate = 48_000;
  let bytes = 0;
  const { code, complaints } = await run('ffmpeg', ['-nostdin', '-v', 'error', '-i', file,
    '-map', '0:a:0', '-ac', '1', '-ar', String(rate), '-f', 's16le', '-'],
  { on_bytes: (chunk) => {
    bytes += chunk.length;
  } });
  assert.equal(code, 0, `ffmpeg ${file}: ${complaints}`);
  assert.equal(complaints, '', `decoding the audio of ${file}`);
  return bytes / 2 / rate;
}

async function decodedVideoSeconds(file) {
  const { code, output, complaints } = await run('ffprobe', ['-v', 'error', '-select_streams', 'v:0',
    '-show_entries', 'frame=best_effort_timestamp_time,pkt_duration_time,duration_time',
    '-of', 'json', file]);
  assert.equal(code, 0, `ffprobe ${file}: ${complaints}`);
  assert.equal(complaints, '', `decoding the video of ${file}`);
  const { frames } = JSON.parse(output);
  assert.ok(frames.length > 0, `no frame in ${file}`);
  const times = frames.map((frame) => Number(frame.best_effort_timestamp_time));
  const last = frames[times.indexOf(Math.max(...times))];
  const last_seconds = Number(last.duration_time ?? last.pkt_duration_time ?? 0);
  return Math.max(...times) - Math.min(...times) + last_seconds;
}

/* The top boxes of an MP4 in their order: [{ type, offset, size }]. */
export function topBoxes(bytes) {
  const boxes = [];
  for (let offset = 0; offset + 8 <= bytes.length;) {
    let size = bytes.readUInt32BE(offset);
    if (size === 1) {
      size = Number(bytes.readBigUInt64BE(offset + 8));
    } else if (size === 0) {
      size = bytes.length - offset;
    }
    boxes.push({ type: bytes.toString('latin1', offset + 4, offset + 8), offset, size });
    assert.ok(size >= 8 && offset + size <= bytes.length, `a box of ${size} bytes at ${offset}`);
    offset += size;
  }
  return boxes;
}

const layer3_kbps = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const layer3_rates = [44_100, 48_000, 32_000];

/* Reads an MP3 frame by frame: { xing, frames, audio_bytes, sample_rate, kbps }. `frames` counts
 * the frames after the one that holds the Xing or Info header. Only MPEG-1 layer III, which is what
 * the program writes. */
export function readMp3(bytes) {
  let offset = 0;
  if (bytes.toString('latin1', 0, 3) === 'ID3') {
    offset = 10 + ((bytes[6] << 21) | (bytes[7] << 14) | (bytes[8] << 7) | bytes[9]);
  }
  const first = offset;
  const bit_rates = new Set();
  let frames = 0;
  let sample_rate = 0;
  let end = bytes.length;
  if (bytes.toString('latin1', end - 128, end - 125) === 'TAG') {
    end -= 128;
  }
  while (offset + 4 <= end) {
    const header = bytes.readUInt32BE(offset);
    assert.equal(header >>> 21, 0x7ff, `no frame header at ${offset} of ${bytes.length}`);
    assert.equal((header >>> 17) & 0xf, 0xd, 'MPEG-1 layer III');
    const kbps = layer3_kbps[(header >>> 12) & 0xf];
    sample_rate = layer3_rates[(header >>> 10) & 3];
    const size = Math.floor((144_000 * kbps) / sample_rate) + ((header >>> 9) & 1);
    if (frames > 0) {
      bit_rates.add(kbps);
    }
    frames++;
    offset += size;
  }
  assert.equal(offset, end, 'the last frame is whole');
  return { xing: readXing(bytes, first), frames: frames - 1, audio_bytes: end - first, sample_rate,
    kbps: [...bit_rates] };
}

function readXing(bytes, frame) {
  const is_mono = (bytes[frame + 3] >>> 6) === 3;
  let at = frame + 4 + (is_mono ? 17 : 32);
  const name = bytes.toString('latin1', at, at + 4);
  if (name !== 'Xing' && name !== 'Info') {
    return null;
  }
  const flags = bytes.readUInt32BE(at + 4);
  at += 8;
  const xing = { name, frames: null, bytes: null, has_toc: (flags & 4) !== 0 };
  if (flags & 1) {
    xing.frames = bytes.readUInt32BE(at);
    at += 4;
  }
  if (flags & 2) {
    xing.bytes = bytes.readUInt32BE(at);
    at += 4;
  }
  at += (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  xing.encoder = bytes.toString('latin1', at, at + 9);
  const delays = bytes.readUIntBE(at + 21, 3);
  xing.delay = delays >>> 12;
  xing.padding = delays & 0xfff;
  return xing;
}

export function assertNear(actual, expected, tolerance, what) {
  assert.ok(Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual} should be within ${tolerance} of ${expected}`);
}
