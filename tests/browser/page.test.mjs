/* The page's own promises: sessions, words, errors, small screens, and what goes wrong. */
import assert from 'node:assert/strict';
import { Client } from '../lib/client.mjs';
import { media } from '../lib/media.mjs';
import { until } from '../lib/program.mjs';
import { pageTests, password } from './browser.mjs';

pageTests('the page', {
  async 'a wrong password is told in words, and a right one leads in'({ program, visit }) {
    await new Client(program.url).signUp('somebody');
    await visit({}, async (visitor) => {
      visitor.expectProblem(/401/);
      await visitor.open();
      await visitor.signIn('somebody', 'not the password');
      await visitor.page.getByRole('alert').filter({ hasText: /./ }).waitFor();
      await visitor.signIn('somebody', password);
      await visitor.heading('Library');
    });
  },

  async 'what a new account needs is said before it is asked for'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.open();
      await visitor.button('Create an account').click();
      await visitor.page.getByLabel('User name').fill('ab');
      await visitor.page.getByLabel('Password', { exact: true }).fill('short');
      await visitor.button('Create account').click();
      await visitor.page.getByText('Between 3 and 64 characters.').waitFor();
      await visitor.page.getByText('At least 8 characters.').waitFor();
    });
  },

  async 'who is signed in is led to the app, and who is not to the door and back'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('regular');
      await visitor.open('/');
      await visitor.heading('Library');

      visitor.expectProblem(/401/);
      await visitor.page.context().clearCookies();
      await visitor.open('/app.html#/monitor');
      await visitor.heading('Sign in');
      await visitor.signIn('regular');
      await visitor.heading('Monitor');

      await visitor.button('Account of regular').click();
      await visitor.button('Sign out').click();
      await visitor.heading('Sign in');
      await visitor.open('/app.html');
      await visitor.heading('Sign in');
    });
  },

  async 'the page speaks Spanish to who speaks Spanish, errors included'({ visit }) {
    await visit({ locale: 'es-ES' }, async (visitor) => {
      visitor.expectProblem(/401/);
      await visitor.open();
      assert.equal(await visitor.page.locator('html').getAttribute('lang'), 'es');
      await visitor.page.getByLabel('Nombre de usuario').fill('nadie');
      await visitor.page.getByLabel('Contraseña', { exact: true }).fill('una clave cualquiera');
      await visitor.button('Entrar').click();
      const alert = visitor.page.getByRole('alert').filter({ hasText: /./ });
      assert.match(await alert.textContent(), /usuario|contraseña/i);
    });
  },

  async 'a file that is no media is refused with the reason, others go on'({ visit }) {
    await visit({}, async (visitor) => {
      visitor.expectProblem(/400/);
      await visitor.signUp('optimist');
      await visitor.chooseFiles(
        media('made/text.mp3'),
        media('speech-mono.mp3'),
        media('speech-mono.wav'),
      );
      await visitor.card('speech-mono.mp3').waitFor();
      await visitor.card('speech-mono.wav').waitFor();
      const refused = visitor.page.getByRole('listitem').filter({ hasText: 'text.mp3' });
      assert.notEqual(await refused.getByRole('alert').textContent(), '');
      assert.equal(await visitor.button('Upload text.mp3 again').count(), 0, 'it would not help');
      await visitor.button('Take text.mp3 off the list').click();
      await refused.waitFor({ state: 'detached' });
    });
  },

  async 'an upload that the line broke is sent again on a click'({ visit }) {
    await visit({}, async (visitor) => {
      visitor.expectProblem(/ERR_/);
      await visitor.signUp('on_a_train');
      await visitor.page.route('**/media/upload', (route) => route.abort('connectionreset'));
      await visitor.chooseFiles(media('speech-mono.wav'));
      await visitor.page.getByText('The server cannot be reached.').waitFor();
      await visitor.page.unroute('**/media/upload');
      await visitor.button('Upload speech-mono.wav again').click();
      await visitor.card('speech-mono.wav').waitFor();
    });
  },

  async 'an upload can be cancelled half-way and leaves nothing'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('hesitant');
      const session = await visitor.page.context().newCDPSession(visitor.page);
      await session.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: 200_000,
      });
      await visitor.chooseFiles(media('music-139s.flac'));
      await visitor.page.getByText(/\d+%.*of/).waitFor();
      await visitor.button('Cancel the upload of music-139s.flac').click();
      await visitor.button('Cancel the upload of music-139s.flac').waitFor({ state: 'detached' });
      await visitor.page.reload();
      await visitor.page.getByText('Nothing here yet').waitFor();
    });
  },

  async 'a conversion can be cancelled, started again and deleted'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('undecided');
      const card = await visitor.upload(media('made/film-5min.mkv'));
      await visitor.convert(card, 'MP4');
      await visitor.button('Cancel the conversion to MP4', card).click();
      await card.getByText('Cancelled').waitFor();
      await visitor.button('Convert to MP4 again', card).click();
      await visitor.button('Cancel the conversion to MP4', card).click();
      await card.getByText('Cancelled').waitFor();
      await visitor.button('More for MP4', card).click();
      await visitor.button('Delete', card).click();
      await visitor
        .row(card, 'MP4')
        .filter({ hasText: 'Cancelled' })
        .waitFor({ state: 'detached' });
    });
  },

  async 'a media is renamed, and deleted only after asking'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('tidy');
      await visitor.upload(media('speech-mono.mp3'));
      await visitor.button('More for speech-mono.mp3').click();
      await visitor.button('Rename').click();
      await visitor.page.getByLabel('Name', { exact: true }).fill('Señora Söderberg.mp3');
      await visitor.button('Save').click();
      const card = visitor.card('Señora Söderberg.mp3');
      await card.waitFor();

      for (const answer of ['Cancel', 'Delete']) {
        await visitor.button('More for Señora Söderberg.mp3').click();
        await visitor.button('Delete', card).click();
        const dialog = visitor.page.getByRole('dialog', { name: 'Delete for good?' });
        await visitor.button(answer, dialog).click();
        await dialog.waitFor({ state: 'detached' });
        if (answer === 'Delete') {
          await visitor.page.getByText('was deleted').waitFor();
        }
        assert.equal(await card.isVisible(), answer === 'Cancel');
      }
      await visitor.page.reload();
      await visitor.page.getByText('Nothing here yet').waitFor();
    });
  },

  async 'without the stream of events the page asks by itself'({ visit }) {
    await visit({}, async (visitor) => {
      visitor.expectProblem(/events|ERR_FAILED/);
      await visitor.page.route('**/events', (route) => route.abort());
      await visitor.signUp('behind_a_proxy');
      const card = await visitor.upload(media('speech-mono.wav'));
      await visitor.convert(card, 'MP3');
      await visitor.waitUntilDone(card, 'MP3');
    });
  },

  async 'two windows of one user agree'({ visit }) {
    await visit({}, async (visitor) => {
      await visitor.signUp('two_windows');
      const other = await visitor.page.context().newPage();
      await other.goto(visitor.page.url());
      await other.getByText('Nothing here yet').waitFor();
      const card = await visitor.upload(media('speech-mono.wav'));
      await other.getByRole('listitem', { name: 'speech-mono.wav', exact: true }).waitFor();
      await visitor.convert(card, 'MP3');
      await other.getByRole('button', { name: 'Share MP3' }).waitFor();
    });
  },

  async 'every view fits a screen of 360 pixels, and the monitor shows its nodes'({ visit }) {
    const phone = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' };
    await visit(phone, async (visitor) => {
      const assertFits = async (what) => {
        const width = await visitor.page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 360, `${what} is ${width} pixels wide`);
      };
      await visitor.open();
      await assertFits('sign in');
      await visitor.signUp('a_user_with_quite_a_long_name_for_a_phone');
      const card = await visitor.upload(media('film-30s.mp4'));
      await visitor.convert(card, 'HLS');
      await visitor.waitUntilDone(card, 'HLS');
      await visitor.play(card, 'HLS');
      await visitor.waitUntilPlayed(0.5);
      await assertFits('the library with its player');
      await visitor.goTo('Shared with me');
      await assertFits('shared with me');
      await visitor.goTo('Monitor');
      await visitor.page.getByText('Online').first().waitFor();
      await assertFits('the monitor');
      const { time } = await visitor.player();
      await until(
        'it plays on while one browses',
        async () => (await visitor.player()).time > time,
      );
    });
  },

  async 'no document lets in a script, a style or a frame of another origin'({ program }) {
    for (const address of ['/', '/index.html', '/app.html']) {
      const response = await fetch(new URL(address, program.url));
      const policy = response.headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'self'/);
      assert.match(policy, /object-src 'none'/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe-(inline|eval)/);
      const html = await response.text();
      assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
      assert.ok(
        [...html.matchAll(/(?:src|href)="([^"]*)"/g)].every(([, link]) => link.startsWith('/')),
      );
    }
  },
});
