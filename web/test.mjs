/* Runs the unit tests of the page's logic, each *.test.ts under src/, by Node's own runner:
 * bundles each first, so that this works on any Node from 18 on. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web_folder = path.dirname(fileURLToPath(import.meta.url));

async function find_tests(folder) {
  const found = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      found.push(...(await find_tests(file)));
    } else if (/\.test\.ts$/.test(entry.name)) {
      found.push(file);
    }
  }
  return found;
}

const out_folder = await mkdtemp(path.join(os.tmpdir(), 'espotifai-web-test-'));
try {
  const tests = await find_tests(path.join(web_folder, 'src'));
  await build({
    entryPoints: tests,
    outdir: out_folder,
    outbase: web_folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node18',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  const built = tests.map((file) =>
    path.join(out_folder, path.relative(web_folder, file).replace(/\.ts$/, '.mjs')),
  );
  const result = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...built], {
    stdio: 'inherit',
  });
  process.exitCode = result.status ?? 1;
} finally {
  await rm(out_folder, { recursive: true, force: true });
}
