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
function filmOf(name, seconds, extension, ...picture) {
  return make(`${name}-${seconds}s.${extension}`,
    [...looped('film-720p.mp4', seconds), '-map', '0:v', '-map', '0:a', '-map_metadata', '-1',
      '-c:v', 'libx264', '-preset', 'veryfast', ...picture, '-g', '60', '-r', '30',
      '-c:a', 'aac', '-b:a', '128k']);
}

/* Some 0.3 Mb/s: the scene is calm. */
export function film(seconds, extension) {
  return filmOf('film-720p', seconds, extension, '-crf', '20');
}

/* The same with a camera's grain, at 3 Mb/s, as films of that size come: there is something to copy. */
export function grainyFilm(seconds, extension) {
  return filmOf('film-720p-grainy', seconds, extension, '-vf', 'noise=alls=10:allf=t',
    '-b:v', '3M', '-maxrate', '4M', '-bufsize', '6M');
}
