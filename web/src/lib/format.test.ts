import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatBytes,
  formatClock,
  formatDate,
  formatPercent,
  formatSpeed,
  formatTimeLeft,
  joinFacts,
  outputFilename,
} from './format';

/* Numbers and units are tied by no-break spaces; here they are compared as plain ones. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

test("bytes take the largest unit that fits, in the language's own decimals", () => {
  assert.equal(plain(formatBytes(0, 'en')), '0 B');
  assert.equal(plain(formatBytes(999, 'en')), '999 B');
  assert.equal(plain(formatBytes(1536, 'en')), '1.5 KB');
  assert.equal(plain(formatBytes(1536, 'es')), '1,5 KB');
  assert.equal(plain(formatBytes(5 * 1024 * 1024, 'en')), '5 MB');
  assert.equal(plain(formatBytes(3.25 * 1024 ** 3, 'en')), '3.3 GB');
  assert.equal(plain(formatBytes(-1, 'en')), '0 B');
});

test('a clock shows hours only where there are some', () => {
  assert.equal(formatClock(0), '0:00');
  assert.equal(formatClock(65.9), '1:05');
  assert.equal(formatClock(3661), '1:01:01');
  assert.equal(formatClock(Number.POSITIVE_INFINITY), '–:––');
  assert.equal(formatClock(undefined), '–:––');
  assert.equal(formatClock(null), '–:––');
});

test('the time left is rounded up and never nought', () => {
  assert.equal(plain(formatTimeLeft(0)), '1 s');
  assert.equal(plain(formatTimeLeft(4.2)), '5 s');
  assert.equal(plain(formatTimeLeft(61)), '2 min');
  assert.equal(plain(formatTimeLeft(3600)), '1 h');
  assert.equal(plain(formatTimeLeft(4000)), '1 h 7 min');
});

test('a hundred percent means complete', () => {
  assert.equal(formatPercent(0, 'en'), '0%');
  assert.equal(formatPercent(0.29, 'en'), '29%');
  assert.equal(formatPercent(0.999, 'en'), '99%');
  assert.equal(formatPercent(1, 'en'), '100%');
  assert.equal(formatPercent(7, 'en'), '100%');
});

test('speed is a multiple of real time', () => {
  assert.equal(formatSpeed(1, 'en'), '1×');
  assert.equal(formatSpeed(12.34, 'es'), '12,3×');
  assert.equal(formatSpeed(212.7, 'en'), '213×');
});

test('a date that is none is empty', () => {
  assert.equal(formatDate('2025-11-18T10:35:00.123Z', 'en'), 'Nov 18, 2025');
  assert.equal(formatDate('soon', 'en'), '');
});

test('an output is named after its source', () => {
  assert.equal(outputFilename('Song.flac', 'mp3'), 'Song.mp3');
  assert.equal(outputFilename('no extension', 'mp4'), 'no extension.mp4');
  assert.equal(outputFilename('.hidden', 'mp3'), '.hidden.mp3');
  assert.equal(outputFilename('a.b.mkv', 'mp4'), 'a.b.mp4');
});

test('facts in a row leave out what is not known', () => {
  assert.equal(plain(joinFacts(['0:40', '', undefined, null, false, '5 MB'])), '0:40 · 5 MB');
});
