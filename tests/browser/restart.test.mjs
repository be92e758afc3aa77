/* The server goes away and comes back: the page goes on by itself. */
import { media } from '../lib/media.mjs';
import { startProgram } from '../lib/program.mjs';
import { pageTests } from './browser.mjs';

pageTests('a restart', {
  async 'a page that was open works on, and hears of what happens, after a restart'({
    t,
    program,
    visit,
  }) {
    await visit({}, async (visitor) => {
      visitor.expectProblem(/ERR_/);
      await visitor.signUp('patient');
      const card = await visitor.upload(media('speech-mono.wav'));
      await program.stop();
      await visitor.button('MP3', card).click();
      await visitor.page.getByText('The server cannot be reached.').waitFor();

      const { port } = new URL(program.url);
      await startProgram(t, { data_dir: program.data_dir, env: { PORT: port } });
      await visitor.convert(card, 'MP3');
      await visitor.waitUntilDone(card, 'MP3');
      await visitor.play(card, 'MP3');
      await visitor.waitUntilPlayed(1);
    });
  },
});
