/* Two people: what one shares the other sees at once, and no longer once it is taken back. */
import assert from 'node:assert/strict';
import { media } from '../lib/media.mjs';
import { pageTests } from './browser.mjs';

async function openShareDialog(visitor, card, target) {
  await visitor.button(`Share ${target}`, card).click();
  const dialog = visitor.page.getByRole('dialog', { name: 'Share' });
  await dialog.waitFor();
  return dialog;
}

pageTests('sharing', {
  async 'a conversion is shared with a person, played by them, and taken back'({ visit }) {
    await visit({}, async (recipient) => {
      await recipient.signUp('recipient');
      await recipient.goTo('Shared with me');
      await recipient.page.getByText('Nothing shared with you yet').waitFor();

      await visit({}, async (owner) => {
        await owner.signUp('owner');
        const card = await owner.upload(media('speech-mono.wav'));
        await owner.convert(card, 'MP3');
        await owner.waitUntilDone(card, 'MP3');

        const dialog = await openShareDialog(owner, card, 'MP3');
        owner.expectProblem(/404/);
        await dialog.getByLabel('With a person').fill('nobody_of_that_name');
        await owner.button('Share', dialog).click();
        assert.notEqual(await dialog.getByRole('alert').filter({ hasText: /./ }).textContent(), '');
        await dialog.getByLabel('With a person').fill('recip');
        await dialog.locator('option[value=recipient]').waitFor({ state: 'attached' });
        await dialog.getByLabel('With a person').fill('recipient');
        await owner.button('Share', dialog).click();
        await dialog.getByRole('list', { name: 'Shared with' }).getByText('recipient').waitFor();

        await recipient.page.getByText('Something new was shared with you.').waitFor();
        const shared = recipient.card('speech-mono.wav');
        await shared.getByText('owner').waitFor();
        await recipient.play(shared, 'MP3');
        await recipient.waitUntilPlayed(1);

        await owner.button('Remove', dialog).click();
        await dialog.getByRole('list', { name: 'Shared with' }).waitFor({ state: 'detached' });
        await shared.waitFor({ state: 'detached' });
      });
    });
  },

  async 'a link plays without an account, until it is revoked'({ program, visit }) {
    await visit({}, async (owner) => {
      await owner.signUp('publisher');
      const card = await owner.upload(media('speech-mono.wav'));
      await owner.convert(card, 'MP3');
      await owner.waitUntilDone(card, 'MP3');
      const dialog = await openShareDialog(owner, card, 'MP3');
      await owner.button('Create a link', dialog).click();
      const link = await dialog.getByRole('textbox', { name: 'By link' }).inputValue();
      assert.equal(new URL(link).origin, new URL(program.url).origin);

      const stranger = await fetch(link);
      assert.equal(stranger.status, 200);
      assert.equal(stranger.headers.get('content-type'), 'audio/mpeg');
      await stranger.arrayBuffer();

      await owner.button('Revoke all links', dialog).click();
      await owner.page.getByText('The links no longer work.').waitFor();
      const refused = await fetch(link);
      await refused.arrayBuffer();
      assert.equal(refused.status, 403);
    });
  },
});
