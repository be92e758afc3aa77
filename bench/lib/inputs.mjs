/* The benchmark's inputs: made once from the tests' real media, long enough to tell. */
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { root } from '../../tests/lib/program.mjs';
import { run } from './measure.mjs';

const fetched = path.join(root, 'tests/media/files');
const folder = path.join(root, 'bench/files');

async function make(name, args) {
  const file = path.join(folder, name);
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true });
    const half_done = path.join(folder, `making-${name}`);
    process.stderr.write(`making ${name}\n`);
    await run(['ffmpeg', '-nostdin', '-y', '-v', 'error', ...args, half_done]);
    await rename(half_done, file);
  }
  return file;
}

function looped(source, seconds) {
  return ['-stream_loop', '-1', '-i', path.join(fetched, source), '-t', String(seconds)];
}

/* Music, 44.1 kHz stereo. */
export function music(seconds, extension) {
  return make(`music-${seconds}s.${extension}`,
    [...looped('music-9min.ogg', seconds), '-map', '0:a', '-map_metadata', '-1']);
}

/* A hand-held film, 1280x720 at 30/s, H.264 with key frames every two seconds, and AAC. */
export function film(seconds, extension) {
  return make(`film-720p-${seconds}s.${extension}`,
    [...looped('film-720p.mp4', seconds), '-map', '0:v', '-map', '0:a', '-map_metadata', '-1',
      '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', '-g', '60', '-r', '30',
      '-c:a', 'aac', '-b:a', '128k']);
}
