// @ts-check
// The list of rooms lives: nobody has to reload it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes, until } from './harness/wait.js';

// So that a few wrong passwords are many.
const scene = stage({ PARLOR_LIMITS__PASSWORD_TRIES: '4' });

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

test('a new room is made in the list, and its faults are told there', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const opener = host.page.getByRole('link', { name: 'New room' }).first();
  await opener.click();
  const dialog = host.page.getByRole('dialog', { name: 'New room' });
  await dialog.getByLabel('Title').fill('   ');
  await dialog.getByLabel('Capacity').fill('7');
  await dialog.locator('#password').fill('scones');
  await dialog.getByRole('button', { name: 'Create room' }).click();
  await dialog.getByText('Give the room a title').waitFor();
  await becomes(() => dialog.getByLabel('Capacity').inputValue(), '7');
  await becomes(() => dialog.locator('#password').inputValue(), 'scones');
  assert.equal(new URL(host.page.url()).pathname, '/');
  await dialog.getByRole('link', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await opener.click();
  await dialog.getByLabel('Title').fill('Made in place');
  await dialog.getByRole('button', { name: 'Create room' }).click();
  await host.isIn();
  await becomes(() => host.page.locator('#title').textContent(), 'Made in place');
  await host.page.locator('#locked').waitFor();
});

test('a locked room asks for its password in the list, and tells how long to wait after too many', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Vault', { password: 'sesame' });
  const guest = await browser.person(server.url);
  const link = guest.page.locator(`[data-room="${room}"]`).getByRole('link');
  await link.click();
  const dialog = guest.page.getByRole('dialog', { name: 'Vault' });
  const password = dialog.getByLabel('Password', { exact: true });
  await password.fill('wrong');
  await password.press('Enter');
  await dialog.getByText('Wrong password.').waitFor();
  await until(async () => {
    await password.press('Enter');
    return dialog.getByText(/Try again in \d+\ss\./).isVisible();
  }, 'a wait');
  await becomes(() => dialog.getByRole('button', { name: 'Enter' }).isDisabled(), true);
  await guest.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(new URL(guest.page.url()).pathname, '/');

  // Its owner is asked for nothing.
  await host.page.goto(server.url);
  await host.page.locator(`[data-room="${room}"]`).getByRole('link').click();
  await host.isIn();
});

test('many rooms are searched and sorted', async () => {
  const { server, browser } = scene;
  const watcher = await browser.person(server.url);
  const host = await browser.person(server.url);
  const titles = Array.from({ length: 12 }, (_, at) => `Room ${at + 1}`);
  for (const title of titles) {
    await host.context.request.post(`${server.url}/room`, { data: { title, keep: true } });
  }
  const busy = await host.create('Café Crowded');
  const shown = () => watcher.page.locator('#rooms [data-field=title]').allTextContents();
  const find = watcher.page.getByRole('searchbox', { name: 'Find a room' });
  await find.waitFor();
  const order = watcher.page.getByRole('combobox', { name: 'Sort by' });
  await order.selectOption('title');
  await becomes(async () => (await shown()).filter((it) => it.startsWith('Room')), titles);
  await find.fill('ROOM 1');
  await becomes(shown, ['Room 1', 'Room 10', 'Room 11', 'Room 12']);
  await watcher.sees('4 rooms');
  await find.fill('nowhere');
  await watcher.page.getByRole('button', { name: 'Show all rooms' }).click();
  await order.selectOption('busiest');
  await becomes(async () => (await shown())[0], 'Café Crowded');
  await host.page.getByRole('button', { name: 'Leave' }).click();
  await becomes(() => watcher.page.locator(`[data-room="${busy}"]`).count(), 0);
  await order.selectOption('newest');
  await becomes(async () => (await shown())[0], 'Room 12');
});
