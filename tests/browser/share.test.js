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
