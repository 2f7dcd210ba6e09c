// @ts-check
// The list of rooms lives: nobody has to reload it.

import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();

test('a room appears, changes and vanishes under the eyes of who looks at the list', async () => {
  const { server, browser } = scene;
  const watcher = await browser.person(server.url);
  const host = await browser.person(server.url);
  const guest = await browser.person(server.url);
  await watcher.sees('It is quiet here');
  await watcher.page.evaluate(() => Object.assign(window, { isStillTheSamePage: true }));

  const room = await host.create('Tea at five', { max: 3, password: 'scones' });
  const card = watcher.page.locator(`[data-room="${room}"]`);
  await card.getByRole('heading', { name: 'Tea at five' }).waitFor();
  await card.getByText('Locked').waitFor();
  await card.getByText('1 of 3 here').waitFor();
  await watcher.page.locator('#empty').waitFor({ state: 'hidden' });

  await guest.page.goto(`${server.url}/room/${room}`);
  await guest.page.locator('#password').fill('scones');
  await guest.page.getByRole('button', { name: 'Enter' }).click();
  await guest.isIn();
  await card.getByText('2 of 3 here').waitFor();

  await guest.page.getByRole('button', { name: 'Leave' }).click();
  await card.getByText('1 of 3 here').waitFor();
  await host.page.getByRole('button', { name: 'Leave' }).click();
  await becomes(() => card.count(), 0, 'the card of a room that is gone');
  await watcher.sees('It is quiet here');
  await becomes(() => watcher.page.evaluate(() => 'isStillTheSamePage' in window), true);
});

test('a card leads into its room, and New room to the form', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Open house');
  const guest = await browser.person(server.url);
  await guest.page.locator(`[data-room="${room}"]`).getByRole('link').click();
  await guest.isIn();
  await becomes(() => guest.page.locator('#title').textContent(), 'Open house');
  await guest.page.getByRole('link', { name: 'All rooms' }).click();
  await guest.page.getByRole('link', { name: 'New room' }).first().click();
  await guest.page.getByRole('heading', { name: 'New room' }).waitFor();
});
