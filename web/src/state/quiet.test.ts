import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietMax } from './quiet';

test('without events a running job is asked for often, and the library now and then', () => {
  assert.ok(quietMax(false, true) <= 3000);
  assert.ok(quietMax(false, false) >= 10_000 && quietMax(false, false) <= 30_000);
});

test('with events the page asks only where a running job has gone quiet', () => {
  assert.equal(quietMax(true, false), Number.POSITIVE_INFINITY);
  assert.ok(Number.isFinite(quietMax(true, true)));
  assert.ok(quietMax(true, true) > quietMax(false, true));
});
