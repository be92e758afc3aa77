/* What must stay small while much comes in. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { Client, uploadStreamed } from '../lib/client.mjs';
import { media } from '../lib/media.mjs';
import { need } from '../lib/need.mjs';
import { startProgram } from '../lib/program.mjs';

const mebibyte = 1024 * 1024;

/* A WAV header for `size_bytes` in all, and silence. */
async function* silence(size_bytes) {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(size_bytes - 8, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(2, 22);
  header.writeUInt32LE(44_100, 24);
  header.writeUInt32LE(176_400, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(size_bytes - 44, 40);
  yield header;
  const chunk = Buffer.alloc(mebibyte);
  for (let left = size_bytes - 44; left > 0; left -= chunk.length) {
    yield left < chunk.length ? chunk.subarray(0, left) : chunk;
  }
}

test('2 GiB go in with less than 64 MiB of memory', async (t) => {
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const size_bytes = 2048 * mebibyte;
  await program.forgetPeak(); // of hashing a password, which takes 32 MiB for a moment
  const { status, body } = await uploadStreamed(client, 'long.wav', size_bytes, silence(size_bytes));
  assert.equal(status, 200, body);
  const item = JSON.parse(body);
  assert.equal(item.original_size_bytes, size_bytes);
  assert.ok(Math.abs(item.duration_seconds - size_bytes / 176_400) < 1, `${item.duration_seconds} s`);
  const peak = await program.memory('VmHWM');
  t.diagnostic(`peak resident memory ${(peak / mebibyte).toFixed(1)} MiB`);
  assert.ok(peak < 64 * mebibyte, `${peak / mebibyte} MiB`);
});

test('an upload that breaks off leaves nothing behind', async (t) => {
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const size_bytes = 64 * mebibyte;
  async function* half() {
    let sent = 0;
    for await (const chunk of silence(size_bytes)) {
      sent += chunk.length;
      if (sent > size_bytes / 2) {
        throw new Error('broken off');
      }
      yield chunk;
    }
  }
  await assert.rejects(uploadStreamed(client, 'half.wav', size_bytes, half()), /broken off/);
  const { items } = await client.call('GET', '/media');
  assert.deepEqual(items, []);
});

test('promtool finds nothing in the metrics', async (t) => {
  if (!need(t, 'promtool')) {
    return;
  }
  const program = await startProgram(t);
  const client = await new Client(program.url).signUp();
  const item = await client.upload(media('lena.mp3'));
  const { job_id } = await client.convert(item.id, 'mp3');
  await client.waitUntilDone(job_id);
  const response = await client.request('GET', '/metrics');
  const text = await response.text();
  for (const name of ['api_queue_size{queue_name="convert"}', 'api_jobs_enqueued_total{target_format="mp3"} 1',
    'api_media_uploads_total 1', 'http_requests_total{', 'http_request_duration_seconds_bucket{',
    'worker_jobs_in_progress{worker_id="worker_a"}', 'worker_jobs_done_total{worker_id="worker_a"} 1',
    'worker_jobs_failed_total{worker_id="worker_a"} 0', 'system_cpu_percent{service="api"}',
    'system_memory_percent', 'system_net_bytes_sent', 'system_net_bytes_recv']) {
    assert.ok(text.includes(name), `the metrics have ${name}`);
  }
  const check = promisify(execFile)('promtool', ['check', 'metrics']);
  check.child.stdin.end(text);
  const { stdout, stderr } = await check;
  assert.equal(stdout + stderr, '');
});
