// @ts-check
// What one says to one person alone: those two see it, nobody else, and it is no part of the log.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();

/** @param {import('./harness/people.js').Person} person */
const whispers = ({ page }) => page.locator('#messages .whisper [data-field=text]').allTextContents();

test('a whisper is for two: shown apart, once, and only while the page is open', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Ears');
  const [guest, third] = [await browser.person(server.url), await browser.person(server.url)];
  for (const person of [guest, third]) await person.enter(room);
  const [{ user: from }, { uid, user: to }] = [await host.me(), await guest.me()];

  // By keyboard alone.
  const button = host.page.locator(`[data-uid="${uid}"]`).getByRole('button', { name: `Whisper to ${to}` });
  await button.focus();
  await host.page.keyboard.press('Enter');
  const box = host.page.getByRole('textbox', { name: `Whisper to ${to}` });
  await box.waitFor();
  assert.equal(await box.evaluate((it) => it === document.activeElement), true);
  await host.say('psst');
  await host.isSent();
  await becomes(() => whispers(guest), ['psst']);
  await becomes(() => whispers(host), ['psst']);
  await guest.sees(`Whisper from ${from}`);
  await becomes(() => host.page.locator('#messages .whisper-label').allTextContents(), [`Whisper to ${to}`]);

  await host.page.locator('#file').setInputFiles({ name: 'a.gif', mimeType: 'image/gif', buffer: Buffer.from('GIF89a') });
  await host.sees('Images are for everybody.');
  await host.page.keyboard.press('Escape');
  await host.page.locator('#whisper').waitFor({ state: 'hidden' });
  await host.say('for all');
  await host.isSent();
  await becomes(() => third.said(), ['for all']);
  for (const person of [host, guest]) await becomes(() => person.said(), ['psst', 'for all']);

  await host.page.reload();
  await host.isIn();
  await becomes(() => host.said(), ['for all']);
});

test('a whisper to somebody who has gone says so, and keeps the words', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Too late');
  const guest = await browser.person(server.url);
  await guest.enter(room);
  const { uid } = await guest.me();
  await host.page.locator(`[data-uid="${uid}"] [data-field=whisper]`).click();
  await guest.page.getByRole('button', { name: 'Leave' }).click();
  await guest.page.waitForURL(`${server.url}/`);
  await host.say('are you there?');
  await host.sees('Not sent: they are no longer here.');
  await becomes(() => host.said(), []);
});
