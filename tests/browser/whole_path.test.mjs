/* The whole path as a person walks it: an account, a film, three conversions, each of them played. */
import assert from 'node:assert/strict';
import { assertNear, media } from '../lib/media.mjs';
import { until } from '../lib/program.mjs';
import { pageTests } from './browser.mjs';

pageTests('the whole path', {
  async 'a newcomer registers, uploads a film, converts it three ways and plays each'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('newcomer');
      await visitor.page.getByText('Nothing here yet').waitFor();

      const card = await visitor.upload(media('film-30s.webm'));
      await card.getByText('480×270').waitFor();
      for (const target of ['MP3', 'MP4', 'HLS']) {
        await visitor.convert(card, target);
      }
      for (const target of ['MP3', 'MP4', 'HLS']) {
        await visitor.waitUntilDone(card, target);
        await visitor
          .row(card, target)
          .getByText(/\d\s[KM]B/)
          .waitFor();
      }
      assert.equal(await card.getByText('Convert to').count(), 0, 'nothing is left to convert to');

      for (const target of ['MP3', 'MP4', 'HLS']) {
        await visitor.play(card, target);
        const { duration, width } = await visitor.waitUntilPlayed(1.5);
        assertNear(duration, 30, 0.5, `${target}: its length`);
        assert.equal(width, target === 'MP3' ? 0 : 480, `${target}: its picture`);
        assert.equal(await visitor.page.locator('video').isVisible(), target !== 'MP3');
      }
      await visitor.button('Close the player').click();
    });
  },

  async 'a song with tags is shown by its title, and plays from where one jumps to'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('listener');
      await visitor.chooseFiles(media('made/cover.flac'));
      const card = visitor.card('Canción de prueba · Niño Ñandú');
      await card.waitFor();
      await visitor.convert(card, 'HLS');
      await visitor.waitUntilDone(card, 'HLS');
      await visitor.play(card, 'HLS');
      await visitor.waitUntilPlayed(0.5);

      const position = visitor.page.getByRole('slider', { name: 'Position' });
      const { duration } = await visitor.player();
      await position.fill((duration / 2).toFixed(1));
      await visitor.waitUntilPlayed(duration / 2 + 0.5);
      await visitor.button('Pause', visitor.page.getByRole('region', { name: 'Player' })).click();
      assert.ok((await visitor.player()).is_paused);
    });
  },

  async 'a film plays by HLS while it is still being converted, its progress in sight'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('impatient');
      const card = await visitor.upload(media('film-80s-msmpeg4.avi'));
      await visitor.convert(card, 'HLS');
      const row = visitor.row(card, 'HLS');
      const told = [];
      const listen = async () => told.push(await row.textContent());

      await until('HLS can be played', async () => {
        await listen();
        return visitor.button('Play HLS', card).isVisible();
      });
      await visitor.play(card, 'HLS');
      await visitor.waitUntilPlayed(1);
      const progress = row.getByRole('progressbar');
      assert.ok(await progress.isVisible(), 'it played before the conversion was finished');

      await until(
        'the conversion is finished',
        async () => {
          await listen();
          return visitor.button('Share HLS', card).isVisible();
        },
        { timeout_ms: 180_000 },
      );
      assert.match(told.join('\n'), /\d+%.*×.*left/, 'progress, speed and time left were told');
      const before = (await visitor.player()).time;
      await visitor.waitUntilPlayed(before + 2);
      await until(
        'the player knows the whole length',
        async () => (await visitor.player()).duration > 78,
      );
    });
  },
});
