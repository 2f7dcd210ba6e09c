// @ts-check
// The owner's tools: the room changes under everybody's eyes; faults are told where they were made.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();

/** @typedef {import('./harness/people.js').Person} Person */

/** @param {Person} owner */
const settings = async ({ page }) => {
  await page.getByRole('button', { name: 'Room settings' }).click();
  const dialog = page.getByRole('dialog', { name: 'Room settings' });
  await dialog.waitFor();
  return dialog;
};

/**
 * @param {Person} owner
 * @param {Person} whom
 * @param {string} what
 */
async function manage(owner, whom, what) {
  const { user } = await whom.me();
  await owner.page.getByRole('button', { name: `Manage ${user}` }).click();
  const dialog = owner.page.getByRole('dialog', { name: user });
  await dialog.getByRole('button', { name: what, exact: true }).click();
  return dialog;
}

test('the owner renames, locks, unlocks and closes; the others see it as it happens', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Before');
  const guest = await browser.person(server.url);
  await guest.enter(room);
  await becomes(() => guest.page.getByRole('button', { name: 'Room settings' }).count(), 0);
  await becomes(() => guest.page.getByRole('button', { name: /^Manage/ }).count(), 0);

  let dialog = await settings(host);
  await dialog.getByLabel('Title').fill('After');
  await dialog.getByLabel('Capacity').fill('1');
  await dialog.getByLabel('Lock the room').check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Give a password of 1 to 128 characters.').waitFor();
  await dialog.getByLabel('New password').fill('scones');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Capacity is a whole number').waitFor();
  assert.equal(await dialog.getByLabel('Title').inputValue(), 'After', 'what was typed stays');
  await dialog.getByLabel('Capacity').fill('7');
  await dialog.getByLabel('Lock the room').uncheck();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await becomes(() => guest.page.locator('#title').textContent(), 'After');
  await becomes(() => guest.page.locator('.panel [data-occupancy]').textContent(), '2/7');

  dialog = await settings(host);
  await dialog.getByLabel('Lock the room').check();
  await dialog.getByLabel('New password').fill('scones');
  await dialog.getByLabel('Keep the room').check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await host.page.locator('#locked').waitFor();
  // Who came without a password is outside now.
  await guest.sees('Not allowed in');
  await becomes(async () => (await host.json(`/room/${room}`)).keep, true);
  dialog = await settings(host);
  await dialog.getByLabel('Lock the room').uncheck();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await host.page.locator('#locked').waitFor({ state: 'hidden' });
  await guest.enter(room);

  dialog = await settings(host);
  await dialog.getByRole('button', { name: 'Close room' }).click();
  const question = host.page.getByRole('dialog', { name: 'Close this room?' });
  await question.getByRole('button', { name: 'Cancel' }).click();
  await becomes(() => guest.page.locator('#title').textContent(), 'After');
  await dialog.getByRole('button', { name: 'Close room' }).click();
  await question.getByRole('button', { name: 'Close room' }).click();
  for (const person of [host, guest]) await person.sees('This room has closed');
});

test('the owner removes, bans, and hands the room over', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Order');
  const [loud, rude, heir] = [
    await browser.person(server.url),
    await browser.person(server.url),
    await browser.person(server.url),
  ];
  for (const person of [loud, rude, heir]) await person.enter(room);

  await manage(host, loud, 'Remove');
  await loud.sees('You were removed');
  await loud.enter(room);
  await manage(host, rude, 'Remove and ban');
  await rude.sees('You were removed');
  const refused = await rude.page.goto(`${server.url}/room/${room}`);
  assert.equal(refused?.status(), 403);
  const list = await settings(host);
  await list.getByText('Who is banned').click();
  await list.getByRole('button', { name: /^Unban/ }).click();
  await list.getByText('Nobody is banned.').waitFor();
  await list.getByRole('button', { name: 'Cancel' }).click();
  await rude.enter(room);

  const dialog = await manage(host, heir, 'Make owner');
  await dialog.waitFor({ state: 'hidden' });
  await heir.page.getByRole('button', { name: 'Room settings' }).waitFor();
  await host.page.getByRole('button', { name: 'Room settings' }).waitFor({ state: 'hidden' });
  await becomes(() => host.page.getByRole('button', { name: /^Manage/ }).count(), 0);
  await manage(heir, host, 'Remove');
  await host.sees('You were removed');
});

test('who has gone meanwhile cannot be removed, and the dialog says so', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Gone');
  const guest = await browser.person(server.url);
  await guest.enter(room);
  const { user } = await guest.me();
  await host.page.getByRole('button', { name: `Manage ${user}` }).click();
  await guest.page.getByRole('button', { name: 'Leave' }).click();
  await guest.page.waitForURL(`${server.url}/`);
  const dialog = host.page.getByRole('dialog', { name: user });
  await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
  await dialog.getByText('This person is no longer here.').waitFor();
  await host.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
});
