/* Bundles the page and writes it as one C file for the server.
 *
 *   node build.mjs OUT_FOLDER [--depfile FILE]
 *
 * OUT_FOLDER/files/      what the browser gets: two documents, scripts and styles with hashed names
 * OUT_FOLDER/web_assets.c  the same as tables for src/api/web_assets.h; the bytes come in by the
 *                          assembler's .incbin, so that compiling takes no time whatever their size
 *
 * Types are checked apart from this (`npm run check`): a build is then a fraction of a second. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const WEB_FOLDER = path.dirname(fileURLToPath(import.meta.url));
const DOCUMENTS = ['index.html', 'app.html'];
const ENTRIES = ['src/index.tsx', 'src/app.tsx', 'src/styles/index.css', 'src/styles/app.css'];
const BUNDLED_PACKAGES = ['preact', '@preact/signals', '@preact/signals-core', 'hls.js'];
const CONTENT_TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};
/* A gzip form that saves less than this is not worth a second copy. */
const GZIP_RATIO_MAX = 0.9;

async function load_esbuild() {
  try {
    return await import('esbuild');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') {
      throw error;
    }
    console.error('web: the packages of the page are missing: run ./setup (or `npm ci` in web/)');
    process.exit(1);
  }
}

/* `name` is looked up as Node does, upwards from this folder. */
function package_folder(name) {
  for (let folder = WEB_FOLDER; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', name);
    if (existsSync(candidate)) {
      return candidate;
    }
    if (folder === path.dirname(folder)) {
      throw new Error(`package ${name} not found`);
    }
  }
}

async function licence_texts() {
  const texts = [];
  for (const name of BUNDLED_PACKAGES) {
    const folder = package_folder(name);
    const about = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) {
      throw new Error(`package ${name} has no licence file`);
    }
    const text = await readFile(path.join(folder, file), 'utf8');
    texts.push(`${name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${'-'.repeat(72)}\n\n`);
}

async function bundle(esbuild, files_folder) {
  return esbuild.build({
    absWorkingDir: WEB_FOLDER,
    entryPoints: ENTRIES,
    outdir: files_folder,
    outbase: 'src',
    entryNames: 'assets/[name]-[hash]',
    chunkNames: 'assets/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    metafile: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
}

/* In a document, `@src/app.tsx` stands for the hashed address of that entry. */
async function write_documents(metafile, files_folder) {
  const addresses = new Map();
  for (const [output, about] of Object.entries(metafile.outputs)) {
    if (about.entryPoint) {
      const file = path.resolve(WEB_FOLDER, output);
      addresses.set(about.entryPoint, `/${path.relative(files_folder, file)}`);
    }
  }
  for (const name of DOCUMENTS) {
    const template = await readFile(path.join(WEB_FOLDER, 'static', name), 'utf8');
    const html = template.replace(/"@([^"]+)"/g, (_, entry) => {
      if (!addresses.has(entry)) {
        throw new Error(`${name} names ${entry}, which is no entry`);
      }
      return `"${addresses.get(entry)}"`;
    });
    await writeFile(path.join(files_folder, name), html);
  }
}

async function list_files(folder, prefix = '') {
  const names = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const name = `${prefix}/${entry.name}`;
    names.push(
      ...(entry.isDirectory() ? await list_files(path.join(folder, entry.name), name) : [name]),
    );
  }
  return names.sort();
}

function include_bytes(symbol, file) {
  return [
    `__asm__(".section .rodata.web_assets,\\"a\\",%progbits\\n"`,
    `        ".balign 16\\n.hidden ${symbol}\\n.globl ${symbol}\\n${symbol}:\\n"`,
    `        ".incbin \\"${file.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}\\"\\n.byte 0\\n.previous\\n");`,
    `extern const unsigned char ${symbol}[];`,
    '',
  ].join('\n');
}

async function write_c_file(out_folder, files_folder) {
  const gzip_folder = path.join(out_folder, 'gzip');
  const symbols = [];
  const rows = [];
  for (const [index, name] of (await list_files(files_folder)).entries()) {
    const file = path.join(files_folder, name);
    const bytes = await readFile(file);
    const content_type = CONTENT_TYPES[path.extname(name)];
    if (!content_type) {
      throw new Error(`no content type for ${name}`);
    }
    const etag = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
    symbols.push(include_bytes(`web_asset_bytes_${index}`, file));
    let gzip_symbol = 'NULL';
    const gzip_bytes = gzipSync(bytes, { level: 9 });
    const has_gzip = gzip_bytes.length < bytes.length * GZIP_RATIO_MAX;
    if (has_gzip) {
      const gzip_file = path.join(gzip_folder, `${index}.gz`);
      await mkdir(gzip_folder, { recursive: true });
      await writeFile(gzip_file, gzip_bytes);
      gzip_symbol = `web_asset_gzip_${index}`;
      symbols.push(include_bytes(gzip_symbol, gzip_file));
    }
    const is_immutable = name.startsWith('/assets/');
    rows.push(
      `    { "${name}", "${content_type}", "\\"${etag}\\"",`,
      `      web_asset_bytes_${index}, ${bytes.length}, ${gzip_symbol}, ${has_gzip ? gzip_bytes.length : 0}, ${is_immutable} },`,
    );
  }
  const text = [
    '/* Generated by web/build.mjs: do not edit. */',
    '#include "api/web_assets.h"',
    '',
    ...symbols,
    'const struct web_asset web_assets[] = {',
    ...rows,
    '};',
    '',
    'const size_t web_asset_count = sizeof(web_assets) / sizeof(web_assets[0]);',
    '',
  ].join('\n');
  await writeFile(path.join(out_folder, 'web_assets.c'), text);
}

/* What the build read, for Ninja: a change of any of these files makes the target stale. */
async function write_depfile(depfile, target, metafile) {
  const static_names = await list_files(path.join(WEB_FOLDER, 'static'));
  const inputs = [
    path.join(WEB_FOLDER, 'build.mjs'),
    path.join(WEB_FOLDER, 'package-lock.json'),
    ...static_names.map((name) => path.join(WEB_FOLDER, 'static', name)),
    ...Object.keys(metafile.inputs).map((name) => path.resolve(WEB_FOLDER, name)),
  ];
  const escaped = inputs.map((name) => name.replaceAll(' ', '\\ '));
  await writeFile(depfile, `${target}: ${escaped.join(' \\\n  ')}\n`);
}

async function main() {
  const [out_argument, option, depfile] = process.argv.slice(2);
  if (!out_argument || (option && (option !== '--depfile' || !depfile))) {
    console.error('usage: node build.mjs OUT_FOLDER [--depfile FILE]');
    process.exit(2);
  }
  const esbuild = await load_esbuild();
  const out_folder = path.resolve(out_argument);
  const files_folder = path.join(out_folder, 'files');
  await rm(files_folder, { recursive: true, force: true });
  await rm(path.join(out_folder, 'gzip'), { recursive: true, force: true });
  await mkdir(files_folder, { recursive: true });

  const { metafile } = await bundle(esbuild, files_folder);
  await write_documents(metafile, files_folder);
  for (const name of await readdir(path.join(WEB_FOLDER, 'static'))) {
    if (!DOCUMENTS.includes(name)) {
      await writeFile(
        path.join(files_folder, name),
        await readFile(path.join(WEB_FOLDER, 'static', name)),
      );
    }
  }
  await writeFile(path.join(files_folder, 'licenses.txt'), await licence_texts());
  await write_c_file(out_folder, files_folder);
  if (depfile) {
    await write_depfile(depfile, path.join(out_argument, 'web_assets.c'), metafile);
  }
}

await main();
