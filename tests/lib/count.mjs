/* count.mjs meson|tap FILE: prints "PASSED FAILED SKIPPED" of what a test runner left in FILE.
 *
 * Meson knows programs, not the tests in them, so the closing lines of cmocka and of Node's runner
 * are read from each program's output; a program without such lines counts as one test. */
import { readFileSync } from 'node:fs';

function sum(text, pattern) {
  let total = 0;
  for (const match of text.matchAll(pattern)) {
    total += Number(match[1]);
  }
  return total;
}

function countTap(text) {
  return {
    passed: sum(text, /^(?:#|ℹ) pass (\d+)$/gm),
    failed: sum(text, /^(?:#|ℹ) (?:fail|cancelled) (\d+)$/gm),
    skipped: sum(text, /^(?:#|ℹ) (?:skipped|todo) (\d+)$/gm),
  };
}

function countCmocka(text) {
  return {
    passed: sum(text, /^\[ {2}PASSED {2}\] (\d+) test\(s\)/gm),
    failed: sum(text, /^\[ {2}FAILED {2}\] (?:.*: )?(\d+) test\(s\)/gm),
    skipped: sum(text, /^\[ {2}SKIPPED \] (?:.*: )?(\d+) test\(s\)/gm),
  };
}

function add(total, counts) {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

function countProgram(program) {
  const output = `${program.stdout ?? ''}\n${program.stderr ?? ''}`;
  const counts = { passed: 0, failed: 0, skipped: 0 };
  add(counts, countTap(output));
  add(counts, countCmocka(output));
  if (program.result === 'SKIP') {
    counts.skipped = Math.max(counts.skipped, 1);
  } else if (program.result !== 'OK') {
    counts.failed = Math.max(counts.failed, 1);
  } else if (counts.passed + counts.skipped === 0) {
    counts.passed = 1;
  }
  return counts;
}

function countMeson(text) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const line of text.split('\n').filter((each) => each !== '')) {
    add(total, countProgram(JSON.parse(line)));
  }
  return total;
}

const [format, file] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const { passed, failed, skipped } = format === 'meson' ? countMeson(text) : countTap(text);
console.log(passed, failed, skipped);
