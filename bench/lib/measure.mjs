/* What a command costs: time, CPU, memory; and what its output is worth. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const ticks_per_second = 100; /* USER_HZ, proc(5) */
const memory_interval_ms = 40;

/* CPU seconds of all children of this process that have ended, and of theirs. */
function childrenCpuSeconds() {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / ticks_per_second;
}

/* Process ids of `pid` and all below it. */
function tree(pid) {
  const found = [pid];
  for (let i = 0; i < found.length; i++) {
    try {
      for (const thread of readdirSync(`/proc/${found[i]}/task`)) {
        const children = readFileSync(`/proc/${found[i]}/task/${thread}/children`, 'latin1');
        found.push(...children.split(' ').filter(Boolean).map(Number));
      }
    } catch {
      /* it has ended meanwhile */
    }
  }
  return found;
}

/* Resident bytes of the whole tree, shared pages counted once (proportional set size). */
export function memoryOf(pid) {
  let bytes = 0;
  for (const one of tree(pid)) {
    try {
      const rollup = readFileSync(`/proc/${one}/smaps_rollup`, 'latin1');
      bytes += Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
    } catch {
      /* it has ended meanwhile */
    }
  }
  return bytes;
}

/* Runs one command to its end: { seconds, cpu, output }; with `watches_memory` also { peak }. It must
 * succeed. */
export async function run([program, ...args], { watches_memory = false } = {}) {
  const cpu = childrenCpuSeconds();
  const begin = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      output += text;
    });
  }
  let peak = 0;
  const timer = watches_memory && setInterval(() => {
    peak = Math.max(peak, memoryOf(child.pid));
  }, memory_interval_ms);
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const seconds = (performance.now() - begin) / 1000;
  clearInterval(timer);
  assert.equal(code, 0, `${program} ${args.join(' ')}:\n${output.slice(-2000)}`);
  return { seconds, cpu: childrenCpuSeconds() - cpu, output, peak };
}

/* Several commands one after the other, as one. */
export async function runAll(commands, options) {
  const sum = { seconds: 0, cpu: 0, peak: 0 };
  for (const command of commands) {
    const one = await run(command, options);
    sum.seconds += one.seconds;
    sum.cpu += one.cpu;
    sum.peak = Math.max(sum.peak, one.peak);
  }
  return sum;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/* Bytes of a file, or of everything in a folder. */
export function sizeOf(target) {
  const status = statSync(target);
  return status.isDirectory()
    ? readdirSync(target).reduce((sum, name) => sum + sizeOf(path.join(target, name)), 0)
    : status.size;
}

async function filterFigure(file, source, graph, pattern) {
  const { output } = await run(['ffmpeg', '-nostdin', '-hide_banner', '-i', file, '-i', source,
    '-filter_complex', graph, '-f', 'null', '-']);
  const figures = [...output.matchAll(pattern)].map((match) => Number(match[1]));
  assert.ok(figures.length > 0, `no figure in:\n${output.slice(-1000)}`);
  return figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
}

/* Mean SSIM of a film against its source, 0..1. */
export function ssim(file, source) {
  return filterFigure(file, source, '[0:v][1:v]ssim', /SSIM .*All:([\d.]+)/g);
}

/* Signal to noise of sound against its source, decibels, mean over the channels. */
export function snr(file, source) {
  const shape = 'aformat=sample_fmts=fltp:sample_rates=44100:channel_layouts=stereo';
  return filterFigure(file, source, `[0:a]${shape}[a];[1:a]${shape}[b];[b][a]asdr`,
    /SDR ch\d+: ([-\d.]+) dB/g);
}
