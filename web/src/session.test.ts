import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextAddress } from './session';

test('signing in leads back to the view that was left', () => {
  assert.equal(nextAddress(''), '/app.html');
  assert.equal(nextAddress('?next=%23%2Fshared'), '/app.html#/shared');
});

test('signing in never leads out of the app', () => {
  for (const next of [
    'https://evil.example',
    '//evil.example',
    'javascript:alert(1)',
    '#/x?y',
    '/users',
  ]) {
    assert.equal(nextAddress(`?next=${encodeURIComponent(next)}`), '/app.html');
  }
});
