/* Starts the built program with its own data folder and a free port, and ends it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.ESPOTIFAI ?? path.join(root, 'build/espotifai');

const start_timeout_ms = 20_000;
const stop_timeout_ms = 30_000;

export function sleep(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/* Calls `ask` until it returns something true, and returns that. `what` names it in the error. */
export async function until(what, ask, { timeout_ms = 60_000, interval_ms = 50 } = {}) {
  const deadline = Date.now() + timeout_ms;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer;
    }
    if (Date.now() > deadline) {
      throw new Error(`not within ${timeout_ms / 1000} s: ${what}`);
    }
    await sleep(interval_ms);
  }
}

/* A data folder that goes away with the test. */
export async function temporaryFolder(t) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'espotifai-test-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export class Program {
  constructor(child, data_dir) {
    this.child = child;
    this.pid = child.pid;
    this.data_dir = data_dir;
    this.url = null;
    this.log = '';
    this.exited = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        this.log += text;
      });
    }
  }

  async ready() {
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(`the program ended (${signal ?? code}) before it was ready:\n${this.log}`);
    });
    const address = until('the address line', () => /https?:\/\/[\w.[\]:-]+:\d+/.exec(this.log),
      { timeout_ms: start_timeout_ms, interval_ms: 10 });
    ended.catch(() => {});
    [this.url] = await Promise.race([address, ended]);
  }

  /* As a person would, by SIGTERM; SIGKILL if it does not end in time, which is an error. */
  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) {
      return this.exited;
    }
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), stop_timeout_ms);
    const result = await this.exited;
    clearTimeout(timer);
    if (result.signal === 'SIGKILL') {
      throw new Error(`the program did not stop within ${stop_timeout_ms / 1000} s:\n${this.log}`);
    }
    return result;
  }

  /* Without warning: the program and every process that it started, at one stroke. */
  async kill() {
    const pids = [this.pid, ...(await this.descendants())];
    for (const pid of pids) {
      killQuietly(pid);
    }
    await this.exited;
  }

  /* Process ids of the program's children, their children and so on. */
  async descendants() {
    const parents = await parentsOfProcesses();
    const found = [];
    for (let last = [this.pid]; last.length > 0;) {
      last = [...parents].filter(([, parent]) => last.includes(parent)).map(([pid]) => pid);
      found.push(...last);
    }
    return found;
  }

  /* Resident memory of the program itself, bytes; `VmHWM` is the highest so far. */
  async memory(field = 'VmRSS') {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)[1]) * 1024;
  }

  /* The highest resident memory so far is what it is now (proc(5), clear_refs). */
  async forgetPeak() {
    await writeFile(`/proc/${this.pid}/clear_refs`, '5');
  }
}

export function killQuietly(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
}

async function parentsOfProcesses() {
  const parents = new Map();
  for (const name of await readdir('/proc')) {
    if (/^\d+$/.test(name)) {
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      parents.set(Number(name), Number(fields[1]));
    }
  }
  return parents;
}

/* Starts `espotifai serve` and waits for its address. Ends with the test. `data_dir` keeps the data
 * of an earlier start. */
export async function startProgram(t, { data_dir, env = {}, args = ['serve'] } = {}) {
  const folder = data_dir ?? await temporaryFolder(t);
  const child = spawn(binary, args, {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: folder,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const program = new Program(child, folder);
  t.after(() => program.kill());
  await program.ready();
  return program;
}
