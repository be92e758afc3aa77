/* An MP3 that is listened to, and jumped about in, while it is still being converted: its length and
 * its bytes are those of the finished file. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { Client } from '../lib/client.mjs';
import { assertNear, decodedSeconds, makeSound } from '../lib/media.mjs';
import { need } from '../lib/need.mjs';
import { startProgram, temporaryFolder } from '../lib/program.mjs';

const seconds = 900;

/* Where the frames of sound begin: behind the tags and the Xing/LAME header. */
function headBytes(mp3) {
  assert.equal(mp3.toString('latin1', 0, 3), 'ID3');
  const tags = 10 + (mp3[6] << 21 | mp3[7] << 14 | mp3[8] << 7 | mp3[9]);
  const info = mp3.indexOf('Info', tags);
  assert.equal(info, tags + 36);
  return tags + 626 + (mp3[tags + 2] >> 1 & 1);
}

async function startJob(client, item, options) {
  const { job_id } = await client.convert(item.id, 'mp3', options);
  const job = await client.waitForJob(job_id, 'playable', (found) => found.playable);
  assert.notEqual(job.status, 'done');
  return { job_id, address: `/media/${item.id}/stream?job_id=${job_id}` };
}

test('an MP3 that is still being converted', async (t) => {
  if (!need(t, 'ffmpeg')) {
    return;
  }
  const folder = await temporaryFolder(t);
  const program = await startProgram(t, { env: { WORKER_SLOTS: '1' } });
  const client = await new Client(program.url).signUp();
  const sound = await makeSound(folder, 'long.flac', seconds);
  const item = await client.upload(sound);
  const { job_id, address } = await startJob(client, item);

  const listening = client.request('GET', address).then(async (response) => {
    assert.equal(response.status, 200);
    return { length: Number(response.headers.get('content-length')),
      etag: response.headers.get('etag'), bytes: Buffer.from(await response.arrayBuffer()) };
  });
  const size = (await client.request('HEAD', address)).headers.get('content-length');
  const first = Number(size) - 300_000;
  const jump = await client.request('GET', address,
    { headers: { range: `bytes=${first}-${first + 99_999}` } });
  const jumped = Buffer.from(await jump.arrayBuffer());
  assert.notEqual((await client.job(job_id)).status, 'done', 'its end came before all of it');

  await client.waitUntilDone(job_id);
  const finished = await client.request('GET', address);
  const whole = Buffer.from(await finished.arrayBuffer());
  const heard = await listening;

  await t.test('a range near its end comes before the rest, with the true total', () => {
    assert.equal(jump.status, 206);
    assert.equal(jump.headers.get('content-range'), `bytes ${first}-${first + 99_999}/${whole.length}`);
    assert.equal(jump.headers.get('etag'), null);
    assert.ok(jumped.equals(whole.subarray(first, first + 100_000)));
  });

  await t.test('who listened from the beginning has the finished file behind its head', async () => {
    assert.equal(heard.length, whole.length);
    assert.equal(heard.etag, null);
    assert.ok(finished.headers.get('etag'));
    const head = headBytes(whole);
    assert.equal(headBytes(heard.bytes), head);
    assert.ok(heard.bytes.subarray(head).equals(whole.subarray(head)));
    const file = path.join(folder, 'heard.mp3');
    await writeFile(file, heard.bytes);
    assertNear(await decodedSeconds(file, 'audio'), seconds, 0.01, 'its length');
  });

  await t.test('a job that is cancelled ends the body', async () => {
    const other = await client.upload(sound, 'other.flac');
    const started = await startJob(client, other, { bitrate: 128 });
    const response = await client.request('GET', started.address);
    assert.equal(response.status, 200);
    await client.call('POST', `/jobs/${started.job_id}/cancel`);
    await assert.rejects(response.arrayBuffer());
  });

  await t.test('where the end is not known for sure nothing is promised', async () => {
    const unsure = await client.upload(await makeSound(folder, 'long.mkv', seconds, ['-c:a', 'ac3']));
    const { job_id: unsure_id } = await client.convert(unsure.id, 'mp3');
    await client.waitForJob(unsure_id, 'running', (found) => found.progress > 0.02);
    const response = await client.request('GET', `/media/${unsure.id}/stream?job_id=${unsure_id}`);
    assert.equal(response.status, 400);
    assert.equal((await response.json()).code, 'job_not_finished');
    assert.equal((await client.job(unsure_id)).playable, false);
  });
});
