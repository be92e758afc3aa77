/* The engine's figures, each beside its peer's in the same run. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { binary } from '../tests/lib/program.mjs';
import { firstPlay } from './lib/first_play.mjs';
import { film, grainyFilm, music } from './lib/inputs.mjs';
import { median, run, runAll, sizeOf, snr, ssim } from './lib/measure.mjs';

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    runs: { type: 'string' },
  },
});
const runs = Number(options.runs ?? (options.quick ? 1 : 5));
const sound_seconds = options.quick ? 150 : 3600;
const film_seconds = options.quick ? 16 : 96;
const long_film_seconds = options.quick ? 60 : 600;

const ffmpeg = ['ffmpeg', '-nostdin', '-v', 'error', '-y'];
const mp3 = ['-vn', '-ar', '44100', '-ac', '2', '-b:a', '192k'];
const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-c:a', 'aac', '-b:a', '128k'];
/* Key frames where segments are to begin, as ours have: else segments last as long as x264 likes. */
const hls = ['-force_key_frames', 'expr:gte(t,n_forced*5)', '-start_number', '0', '-hls_time', '5', '-hls_list_size', '0', '-f', 'hls'];

function convert(input, output, ...more) {
  return [[binary, 'convert', ...more, input, output]];
}

/* `ours` and `theirs`: lists of commands that write under the folder they are given. `result` is
 * what is weighed; `quality` compares it with the source. `goal`: the ratio not to be exceeded. */
const cases = {
  async 'flac-mp3'() {
    const input = await music(sound_seconds, 'flac');
    return {
      goal: 0.55, quality: snr, input, result: 'out.mp3',
      ours: (out) => convert(input, `${out}/out.mp3`),
      theirs: (out) => [[...ffmpeg, '-i', input, ...mp3, `${out}/out.mp3`]],
    };
  },
  async 'wav-mp3'() {
    const input = await music(sound_seconds, 'wav');
    return {
      goal: 0.53, quality: snr, input, result: 'out.mp3',
      ours: (out) => convert(input, `${out}/out.mp3`),
      theirs: (out) => [[...ffmpeg, '-i', input, ...mp3, `${out}/out.mp3`]],
    };
  },
  async 'flac-aac'() {
    const input = await music(sound_seconds, 'flac');
    return {
      quality: snr, input, result: 'out.mp4',
      ours: (out) => convert(input, `${out}/out.mp4`),
      theirs: (out) => [[...ffmpeg, '-i', input, '-c:a', 'aac', '-b:a', '128k', '-movflags', '+faststart',
        `${out}/out.mp4`]],
    };
  },
  async 'film-mp4'() {
    const input = await film(film_seconds, 'mp4');
    return {
      goal: 0.93, quality: ssim, input, result: 'out.mp4',
      ours: (out) => convert(input, `${out}/out.mp4`, '--copy', 'never'),
      theirs: (out) => [[...ffmpeg, '-i', input, ...x264, '-movflags', '+faststart', `${out}/out.mp4`]],
    };
  },
  async 'film-hls'() {
    const input = await film(film_seconds, 'mp4');
    return {
      goal: 0.92, quality: ssim, input, result: '.', playlist: 'index.m3u8',
      ours: (out) => convert(input, `${out}/index.m3u8`, '--copy', 'never'),
      theirs: (out) => [[...ffmpeg, '-i', input, ...x264, ...hls, `${out}/index.m3u8`]],
    };
  },
  async 'film-ladder'() {
    const input = await film(film_seconds, 'mp4');
    return {
      goal: 0.82, input, result: '.',
      ours: (out) => convert(input, `${out}/index.m3u8`, '--copy', 'never', '--ladder', '720,480,360'),
      theirs: (out) => [720, 480, 360].map((height) => [...ffmpeg, '-i', input, '-vf',
        `scale=-2:${height}`, ...x264, ...hls, `${out}/${height}.m3u8`]),
    };
  },
  async 'copy-hls'() {
    const input = await grainyFilm(long_film_seconds, 'mp4');
    return {
      goal: 0.80, input, result: '.',
      ours: (out) => convert(input, `${out}/index.m3u8`),
      theirs: (out) => [[...ffmpeg, '-i', input, '-c', 'copy', ...hls.slice(2), `${out}/index.m3u8`]],
    };
  },
  async 'copy-mp4'() {
    const input = await grainyFilm(long_film_seconds, 'mkv');
    return {
      goal: 0.80, input, result: 'out.mp4',
      ours: (out) => convert(input, `${out}/out.mp4`),
      theirs: (out) => [[...ffmpeg, '-i', input, '-c', 'copy', '-movflags', '+faststart', `${out}/out.mp4`]],
    };
  },
  async 'copy-against-cp'() {
    const input = await grainyFilm(long_film_seconds, 'mkv');
    return {
      goal: 3, input, result: 'out.mp4',
      ours: (out) => convert(input, `${out}/out.mp4`),
      theirs: (out) => [['cp', input, `${out}/out.mp4`]],
    };
  },
};
if (options.long) {
  cases['ten-hours'] = async () => {
    const input = await music(36_000, 'flac');
    return { input, result: 'out.mp3', runs: 1, ours: (out) => convert(input, `${out}/out.mp3`) };
  };
}

async function inFolder(work) {
  const folder = await mkdtemp(path.join(tmpdir(), 'espotifai-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/* One side of a case: what it costs. */
async function once(one, commands, options_of_run) {
  return inFolder(async (folder) => {
    const cost = await runAll(commands(folder), options_of_run);
    cost.bytes = sizeOf(path.join(folder, one.result));
    if (options_of_run?.watches_memory && one.quality) {
      cost.quality = await one.quality(path.join(folder, one.playlist ?? one.result), one.input);
    }
    return cost;
  });
}

async function timeCase(one) {
  const sides = { ours: [], theirs: [] };
  for (let i = 0; i < (one.runs ?? runs); i++) {
    for (const side of i % 2 ? ['theirs', 'ours'] : ['ours', 'theirs']) {
      if (one[side]) {
        sides[side].push(await once(one, one[side]));
      }
    }
  }
  const figures = {};
  for (const [side, costs] of Object.entries(sides)) {
    if (costs.length > 0) {
      const weighed = await once(one, one[side], { watches_memory: true });
      figures[side] = {
        ...weighed,
        seconds: median(costs.map((cost) => cost.seconds)),
        cpu: median(costs.map((cost) => cost.cpu)),
      };
    }
  }
  return figures;
}

const columns = [16, 9, 9, 7, 6, 9, 9, 8, 8, 13, 13, 9, 9];

function print(...cells) {
  process.stdout.write(`${cells.map((cell, i) =>
    (i === 0 ? cell.padEnd(columns[i]) : String(cell ?? '').padStart(columns[i]))).join('')}\n`);
}

function printCase(name, one, { ours, theirs }) {
  const mebibytes = (side) => side && (side.peak / 2 ** 20).toFixed(0);
  const quality = (side) => side?.quality?.toFixed(one.quality === ssim ? 5 : 2);
  const ratio = theirs && ours.seconds / theirs.seconds;
  print(name, ours.seconds.toFixed(3), theirs?.seconds.toFixed(3), ratio?.toFixed(3),
    one.goal?.toFixed(2), ours.cpu.toFixed(2), theirs?.cpu.toFixed(2), mebibytes(ours),
    mebibytes(theirs), ours.bytes, theirs?.bytes, quality(ours), quality(theirs));
}

async function printFirstPlay(name, goal_ms, convert_options) {
  const source = await film(long_film_seconds, 'mp4');
  await inFolder(async (folder) => {
    const input = path.join(folder, 'film.mp4');
    await copyFile(source, input);
    const times = await firstPlay(input, convert_options, runs);
    process.stdout.write(`${name.padEnd(16)}${median(times).toFixed(0)} ms from the request to the first segment`
      + ` (goal ${goal_ms} ms; ${times.map((time) => time.toFixed(0)).join(', ')})\n`);
  });
}

const plays = {
  'play-transcode': () => printFirstPlay('play-transcode', 400, { copy: 'never' }),
  'play-copy': () => printFirstPlay('play-copy', 60, {}),
};

const unknown = wanted.filter((name) => !(name in cases) && !(name in plays));
if (unknown.length > 0) {
  process.stderr.write(`no such case: ${unknown.join(', ')}; there are ${Object.keys({ ...cases, ...plays }).join(', ')}\n`);
  process.exit(2);
}
const is_wanted = (name) => wanted.length === 0 || wanted.includes(name);

const { output: version } = await run(['ffmpeg', '-version']);
process.stdout.write(`${version.split('\n')[0]}; ${cpus().length} cores of ${cpus()[0].model}; `
  + `${runs} run${runs === 1 ? '' : 's'} each, medians\n\n`);
print('case', 'ours s', 'theirs s', 'ratio', 'goal', 'ours CPU', 'their CPU', 'ours MiB', 'th. MiB',
  'our bytes', 'their bytes', 'quality', 'theirs');
for (const [name, prepare] of Object.entries(cases)) {
  if (is_wanted(name)) {
    const one = await prepare();
    printCase(name, one, await timeCase(one));
  }
}
for (const [name, play] of Object.entries(plays)) {
  if (is_wanted(name)) {
    await play();
  }
}
