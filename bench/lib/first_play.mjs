/* How long a user waits: from asking for a conversion to holding the first picture, over HTTP. */
import assert from 'node:assert/strict';
import { Client } from '../../tests/lib/client.mjs';
import { sleep, startProgram } from '../../tests/lib/program.mjs';

const poll_ms = 5;
const pictures_ms = 5000; /* the upload's pictures are being made: that is another matter */

async function get(client, address) {
  const response = await client.request('GET', address);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, bytes, url: response.url };
}

/* The address of the first one in a playlist that is no comment. */
function firstName(playlist) {
  return playlist.bytes.toString().split('\n').find((line) => line && !line.startsWith('#'));
}

async function playOnce(client, media_id, options) {
  const begin = performance.now();
  const { job_id } = await client.convert(media_id, 'hls', options);
  let index;
  do {
    await sleep(poll_ms);
    index = await get(client, `/media/${media_id}/stream?job_id=${job_id}`);
  } while (index.status !== 200);
  const playlist = await get(client, new URL(firstName(index), index.url));
  const segment = await get(client, new URL(firstName(playlist), playlist.url));
  const time = performance.now() - begin;
  assert.equal(segment.status, 200);
  assert.ok(segment.bytes.length > 0, 'the first segment holds something');
  await client.call('POST', `/jobs/${job_id}/cancel`, { status: 200 }).catch(() => {});
  await client.request('DELETE', `/jobs/${job_id}`);
  return time;
}

/* Milliseconds of each of `runs`, on one server of its own. */
export async function firstPlay(file, options, runs) {
  const ends = [];
  try {
    const program = await startProgram({ after: (end) => ends.unshift(end) });
    const client = await new Client(program.url).signUp();
    const media = await client.upload(file);
    await sleep(pictures_ms);
    const times = [];
    for (let i = 0; i < runs; i++) {
      times.push(await playOnce(client, media.id, options));
      await sleep(1500); /* whatever the last one left running ends, and the server is idle again */
    }
    return times;
  } finally {
    for (const end of ends) {
      await end();
    }
  }
}
