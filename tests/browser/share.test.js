// @ts-check
// Bringing others in, and being told of them while one looks elsewhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();

/**
 * The page believes that it is in the background, or is no longer.
 * @param {import('./harness/people.js').Person} person
 * @param {boolean} isHidden
 */
const hide = ({ page }, isHidden) =>
  page.evaluate((isHidden) => {
    Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);

/** @param {import('./harness/people.js').Person} person what was notified of */
const told = ({ page }) => page.evaluate(() => /** @type {any} */ (window).told);

/** Notifications are counted, not shown. */
const stub = () => {
  const told = /** @type {unknown[]} */ ([]);
  class Told {
    static permission = 'default';
    static async requestPermission() {
      return (Told.permission = 'granted');
    }
    /** @param {string} title @param {{ body: string }} options */
    constructor(title, { body }) {
      told.push([title, body]);
    }
  }
  Object.assign(window, { Notification: Told, told });
};

/** Tones are counted, and played. */
const listen = () => {
  const tones = /** @type {string[]} */ ([]);
  const { start } = OscillatorNode.prototype;
  OscillatorNode.prototype.start = function (when) {
    tones.push(document.hidden ? 'hidden' : 'visible');
    return start.call(this, when);
  };
  Object.assign(window, { tones });
};

/** @param {import('./harness/people.js').Person} person where the page was when it played a tone */
const tones = ({ page }) => page.evaluate(() => /** @type {any} */ (window).tones);

/** So long ago was the last sound. @param {import('./harness/people.js').Person} person */
const aMinuteLater = ({ page }) =>
  page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 60_000;
  });

test('a QR code leads to the room, and its address can be read', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Scan me');
  await host.page.getByRole('button', { name: 'Show QR code' }).click();
  const dialog = host.page.getByRole('dialog', { name: 'Scan me' });
  await becomes(() => dialog.locator('.share-address').textContent(), `${server.url}/room/${room}`);
  const code = dialog.getByRole('img', { name: 'Show QR code' });
  assert.match((await code.locator('path').getAttribute('d')) ?? '', /^(M\d+ \d+h\d+v1h-\d+z){50,}$/);
  await dialog.getByRole('button', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'hidden' });
});

test('who asked for it is told of what is said behind their back, and finds the place again', async () => {
  const { server, browser } = scene;
  const host = await browser.person('about:blank');
  await host.page.addInitScript(stub);
  host.origin = server.url;
  const room = await host.create('Back soon');
  const guest = await browser.person(server.url);
  await guest.enter(room);
  await hide(host, true);
  await guest.say('unheard');
  await becomes(() => host.page.title(), '(1) Back soon · Parlor');
  await becomes(() => host.page.locator('.message:has(> .unread) [data-field=text]').textContent(), 'unheard');
  await hide(host, false);
  await becomes(() => host.page.title(), 'Back soon · Parlor');
  assert.deepEqual(await told(host), [], 'nobody asked for it');

  await host.page.getByLabel('Notify me of new messages').check();
  await becomes(() => host.page.evaluate(() => localStorage.getItem('notify')), 'on');
  await hide(host, true);
  await guest.say('heard');
  const { user } = await guest.me();
  await becomes(() => told(host), [['Back soon', `${user}: heard`]]);
  await becomes(() => host.page.locator('.message:has(> .unread) [data-field=text]').textContent(), 'heard');
});

test('of what is said off the record a notification tells nothing but that', async () => {
  const { server, browser } = scene;
  const host = await browser.person('about:blank');
  await host.page.addInitScript(stub);
  await host.page.addInitScript(() => localStorage.setItem('notify', 'on'));
  const made = await host.context.request.post(`${server.url}/room`, { data: { title: 'Hush', offRecord: true } });
  const { id } = await made.json();
  host.origin = server.url;
  await host.enter(id);
  await host.sees('Nothing said here is ever written down.');
  await host.page.evaluate(() => Notification.requestPermission());
  const guest = await browser.person(server.url);
  await guest.enter(id);
  await hide(host, true);
  await guest.say('secret');
  await becomes(() => told(host), [['Hush', 'New message']]);
});

test('a sound is played for who asked for it, while the page is hidden and not otherwise', async () => {
  const { server, browser } = scene;
  const host = await browser.person('about:blank');
  await host.page.addInitScript(listen);
  host.origin = server.url;
  const room = await host.create('Ding');
  const guest = await browser.person(server.url);
  await guest.enter(room);
  const sound = host.page.getByLabel('Play a sound');
  /** Somebody says something, and the page knows it. @param {string} text @param {boolean} isHidden */
  const news = async (text, isHidden) => {
    await hide(host, isHidden);
    await guest.say(text);
    if (isHidden) await becomes(() => host.page.title(), '(1) Ding · Parlor');
    await becomes(async () => (await host.said()).at(-1), text);
    await hide(host, false);
  };

  await news('nobody asked', true);
  assert.deepEqual(await tones(host), []);

  // What it will be like is heard at once.
  await sound.check();
  const asked = ['visible', 'visible'];
  await becomes(() => tones(host), asked);
  await news('in sight', false);
  assert.deepEqual(await tones(host), asked);
  await news('out of sight', true);
  const heard = [...asked, 'hidden', 'hidden'];
  assert.deepEqual(await tones(host), heard);
  await news('right after', true);
  assert.deepEqual(await tones(host), heard, 'many may speak at once');

  await sound.uncheck();
  await aMinuteLater(host);
  await news('switched off', true);
  assert.deepEqual(await tones(host), heard);
  await sound.check();
  await aMinuteLater(host);
  await news('switched on again', true);
  assert.deepEqual(await tones(host), [...heard, ...asked, 'hidden', 'hidden']);

  // It is remembered; a browser plays nothing before the page was touched.
  await host.page.reload();
  await host.isIn();
  await becomes(() => sound.isChecked(), true);
  await host.page.locator('#log').click();
  await news('after a reload', true);
  assert.deepEqual(await tones(host), ['hidden', 'hidden']);
});
