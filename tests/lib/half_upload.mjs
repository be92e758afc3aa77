/* An upload that stops half-way until the test has seen what it wants to see. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { uploadStreamed } from './client.mjs';

/* Sends half of `file`; the rest once `go_on` is called. */
export async function beginUpload(client, file, convert) {
  const bytes = await readFile(file);
  const half = bytes.subarray(0, bytes.length / 2);
  let go_on;
  const may_go_on = new Promise((resolve) => {
    go_on = resolve;
  });
  async function* chunks() {
    yield half;
    await may_go_on;
    yield bytes.subarray(half.length);
  }
  const aborter = new AbortController();
  const answered = uploadStreamed(client, path.basename(file), bytes.length, chunks(),
    { convert, signal: aborter.signal });
  answered.catch(() => {});
  return { answered, go_on, bytes, breakOff: () => aborter.abort() };
}
