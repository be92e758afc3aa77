/* Adaptive HLS in a browser: while the film is still being converted play begins with the smallest
 * picture; of a finished one the line decides. */
import assert from 'node:assert/strict';
import { assertNear, media } from '../lib/media.mjs';
import { until } from '../lib/program.mjs';
import { pageTests } from './browser.mjs';

async function convertByLadder(page, ladder) {
  return page.evaluate(async (heights) => {
    const { items } = await (await fetch('/media')).json();
    const answer = await fetch(`/media/${items[0].id}/convert`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ target: 'hls', options: { ladder: heights } }),
    });
    return answer.status;
  }, ladder);
}

/* Which sizes the player has asked for, in the order of asking. */
function listenToSizes(page) {
  const sizes = [];
  page.on('request', (request) => {
    const size = /\/video-(\d+)-\d+-\d+\.m4s/.exec(request.url())?.[1];
    if (size && !sizes.includes(size)) {
      sizes.push(size);
    }
  });
  return sizes;
}

pageTests('adaptive HLS', {
  async 'play begins with the smallest picture while the film is being converted'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('viewer');
      /* A segment that takes long is answered 503 and asked for again. */
      visitor.expectProblem(/503/);
      const card = await visitor.upload(media('film-30s.webm'));
      const sizes = listenToSizes(visitor.page);
      assert.equal(await convertByLadder(visitor.page, [720, 144]), 200);
      await visitor.button('Play HLS', card).waitFor({ timeout: 60_000 });
      await visitor.play(card, 'HLS');
      const { duration } = await visitor.waitUntilPlayed(0.5);
      assertNear(duration, 30, 0.5, 'its length');
      assert.equal(sizes[0], '144');
      await visitor.waitUntilPlayed(8, 60_000);
    });
  },

  async 'a finished film plays in the largest size that the line allows, to its end'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('patient');
      visitor.expectProblem(/503/); /* of the film's poster, while the worker is busy */
      const card = await visitor.upload(media('film-30s.webm'));
      const sizes = listenToSizes(visitor.page);
      assert.equal(await convertByLadder(visitor.page, [720, 144]), 200);
      await visitor.waitUntilDone(card, 'HLS');
      await visitor.play(card, 'HLS');
      const { width } = await visitor.waitUntilPlayed(1);
      assert.equal(width, 480, 'none is larger than the film itself');
      assert.ok(sizes.includes('270'));
      await visitor.page.getByRole('slider', { name: 'Position' }).fill('27');
      await visitor.waitUntilPlayed(29);
    });
  },
});
