/* Film and music that are played, and jumped about in, while one slot still converts them. */
import assert from 'node:assert/strict';
import { assertNear, makeFilm, makeSound } from '../lib/media.mjs';
import { temporaryFolder, until } from '../lib/program.mjs';
import { pageTests } from './browser.mjs';

const film_seconds = 120;
const music_seconds = 900;

pageTests('what is not converted yet', {
  async 'one jumps near its end, and it plays there long before the rest is converted'({ t, visit }) {
    const film = await makeFilm(await temporaryFolder(t), 'long.mkv', {
      seconds: film_seconds, size: '640x360', video: ['-c:v', 'mpeg4', '-q:v', '5', '-g', '50'],
      audio: ['-c:a', 'flac'],
    });
    await visit({}, async (visitor) => {
      visitor.expectProblem(/status of 503/); /* while the segment is not there yet */
      await visitor.signUp('traveller');
      const card = await visitor.upload(film);
      await visitor.convert(card, 'HLS');
      await until('HLS can be played', () => visitor.button('Play HLS', card).isVisible());
      await visitor.play(card, 'HLS');
      const { duration } = await visitor.waitUntilPlayed(0.5);
      assertNear(duration, film_seconds, 0.2, 'the whole length is known at once');

      const position = visitor.page.getByRole('slider', { name: 'Position' });
      const target = film_seconds - 15;
      await position.fill(String(target));
      const { time, width } = await visitor.waitUntilPlayed(target + 0.5, 120_000);
      assert.ok(time < film_seconds);
      assert.equal(width, 640);
      const progress = visitor.row(card, 'HLS').getByRole('progressbar');
      assert.ok(await progress.isVisible(), 'the conversion is still running');

      await position.fill('50');
      await visitor.waitUntilPlayed(50.5, 120_000);
      assert.ok((await visitor.player()).time < 70);

      let asked = 0;
      visitor.expectProblem(/status of 404/);
      await visitor.page.route(/\/video-\d+-\d+\.m4s$/, (route) => {
        asked += 1;
        return asked === 1 ? route.fulfill({ status: 404 }) : route.continue();
      });
      await position.fill('75');
      await visitor.waitUntilPlayed(75.5, 120_000);
      assert.ok(asked > 1, 'a segment that is not there after all does not end it');
    });
  },

  async 'music too: one jumps near the end of an MP3 that is still being made'({ t, visit }) {
    const music = await makeSound(await temporaryFolder(t), 'long.flac', music_seconds);
    await visit({}, async (visitor) => {
      await visitor.signUp('listener');
      const card = await visitor.upload(music);
      await visitor.convert(card, 'MP3');
      await until('MP3 can be played', () => visitor.button('Play MP3', card).isVisible());
      await visitor.play(card, 'MP3');
      const { duration } = await visitor.waitUntilPlayed(0.5);
      assertNear(duration, music_seconds, 0.2, 'the whole length is known at once');
      const target = music_seconds - 15;
      await visitor.page.getByRole('slider', { name: 'Position' }).fill(String(target));
      await visitor.waitUntilPlayed(target + 0.5, 120_000);
      const progress = visitor.row(card, 'MP3').getByRole('progressbar');
      assert.ok(await progress.isVisible(), 'the conversion is still running');
    });
  },
}, { env: { WORKER_SLOTS: '1' } });
