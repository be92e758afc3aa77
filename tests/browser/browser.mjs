/* The page as a person has it: Debian's Chromium, headless, one visitor a browser context. What a
 * visitor meets that no person should (an error in the console, a broken policy, a request to
 * another host) fails the test. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { need } from '../lib/need.mjs';
import { root, startProgram, until } from '../lib/program.mjs';

const chromium_path = '/usr/bin/chromium';
const chromium_args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const step_timeout_ms = 20_000;

export const password = 'una clave bastante larga';

/* One program and one browser for several tests, each with visitors of its own. `tests` maps a
 * test's name to a function of { t, program, visit }; `env` is the program's. Without Chromium all are
 * skipped. */
export function pageTests(title, tests, { env = {} } = {}) {
  test(title, async (t) => {
    if (!need(t, 'chromium')) {
      return;
    }
    const browser = await chromium.launch({ executablePath: chromium_path, args: chromium_args });
    t.after(() => browser.close());
    const program = await startProgram(t, { env });
    const visit = (options, act) => visitPage(browser, program, options, act);
    for (const [name, act] of Object.entries(tests)) {
      await t.test(name, (t_case) => act({ t: t_case, program, visit }));
    }
  });
}

class Visitor {
  constructor(page, url) {
    this.page = page;
    this.url = url;
    this.problems = [];
    this.expected = [];
    page.setDefaultTimeout(step_timeout_ms);
    page.on('console', (message) => {
      /* A picture that is still being made: the page asks again. */
      const is_picture = /\/(poster|waveform)(\?try=\d+)?$/.test(message.location().url ?? '') &&
        message.text().includes('503');
      if (['error', 'warning'].includes(message.type()) && !is_picture) {
        this.problems.push(`console ${message.type()}: ${message.text()}`);
      }
    });
    page.on('pageerror', (error) => {
      this.problems.push(`exception: ${error.stack}`);
    });
    page.on('request', (request) => {
      const address = new URL(request.url());
      if (address.protocol.startsWith('http') && address.origin !== new URL(url).origin) {
        this.problems.push(`request to another host: ${address.href}`);
      }
    });
  }

  /* Chromium reports each answer of 400 and above in the console: those that a test provokes. */
  expectProblem(pattern) {
    this.expected.push(pattern);
  }

  assertClean() {
    const unexpected = this.problems.filter(
      (text) => !this.expected.some((pattern) => pattern.test(text)),
    );
    assert.deepEqual(unexpected, []);
  }

  async open(address = '/') {
    await this.page.goto(new URL(address, this.url).href);
  }

  button(name, within = this.page) {
    return within.getByRole('button', { name, exact: typeof name === 'string' });
  }

  /* ---- what a person does (in English) ---- */

  async signUp(name) {
    await this.open();
    await this.button('Create an account').click();
    await this.page.getByLabel('User name').fill(name);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.button('Create account').click();
    await this.heading('Library');
  }

  async signIn(name, secret = password) {
    await this.page.getByLabel('User name').fill(name);
    await this.page.getByLabel('Password', { exact: true }).fill(secret);
    await this.button('Sign in').click();
  }

  async heading(name) {
    await this.page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();
  }

  async goTo(view) {
    await this.page.getByRole('navigation').getByRole('link', { name: view }).click();
    await this.heading(view);
  }

  async chooseFiles(...files) {
    await this.page.getByLabel('Choose files').setInputFiles(files);
  }

  async upload(file) {
    await this.chooseFiles(file);
    const card = this.card(path.basename(file));
    await card.waitFor();
    return card;
  }

  card(name) {
    return this.page.getByRole('listitem', { name, exact: true });
  }

  /* The row of a card's conversion to `target`: "MP3". */
  row(card, target) {
    return card.getByRole('listitem').filter({ has: this.page.getByText(target, { exact: true }) });
  }

  async convert(card, target) {
    await this.button(target, card).click();
    await this.row(card, target).waitFor();
  }

  async waitUntilDone(card, target) {
    await this.button(`Share ${target}`, card).waitFor({ timeout: 120_000 });
  }

  async play(card, target) {
    await this.button(`Play ${target}`, card).click();
  }

  async player() {
    return this.page.locator('video').evaluate((video) => ({
      time: video.currentTime,
      duration: video.duration,
      width: video.videoWidth,
      is_paused: video.paused,
      error: video.error?.message ?? null,
    }));
  }

  /* The player once it has played beyond `time`; an error of the player fails. */
  async waitUntilPlayed(time, timeout_ms = 30_000) {
    return until(
      `the player is beyond ${time} s`,
      async () => {
        const player = await this.player();
        assert.equal(player.error, null);
        assert.equal(await this.page.getByText('This cannot be played.').count(), 0);
        return player.time > time ? player : null;
      },
      { timeout_ms },
    );
  }
}

/* Runs `act` with a visitor of their own and then looks at what they met. Where something fails,
 * the screen is kept beside the tests' logs. `options` are those of a browser context. */
async function visitPage(browser, program, options, act) {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  const visitor = new Visitor(await context.newPage(), program.url);
  try {
    await act(visitor);
    visitor.assertClean();
  } catch (error) {
    const folder = path.join(root, 'build/test-logs');
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, `browser-${Date.now()}.png`);
    await visitor.page.screenshot({ path: file }).catch(() => {});
    error.message += `\n(screen: ${file}; met: ${JSON.stringify(visitor.problems)})`;
    throw error;
  } finally {
    await context.close();
  }
}
