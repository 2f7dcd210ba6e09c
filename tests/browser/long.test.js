// @ts-check
// A long conversation: one begins at its end, reads back to its beginning, and is not moved about.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PHONE } from './harness/people.js';
import { stage } from './harness/stage.js';
import { becomes, until } from './harness/wait.js';

const scene = stage();

const COUNT = 1000;
const TOGETHER = 20;

/** @param {import('./harness/people.js').Person} person */
const isAtEnd = (person) =>
  person.page.locator('#log').evaluate((log) => Math.abs(log.scrollTop) < 2);

/** @param {import('./harness/people.js').Person} person */
async function numbers(person) {
  const texts = await person.said();
  return texts.map((text) => Number(text.split(' ')[1]));
}

test('a thousand messages are read from the end to the beginning, each once', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Long talk');
  for (let number = 1; number <= COUNT; number += TOGETHER) {
    const some = Array.from({ length: TOGETHER }, (_, index) => number + index);
    await Promise.all(some.map((number) => host.post(room, `message ${number} of many`)));
  }
  await becomes(async () => (await host.said()).length, COUNT, 'all came while the page was open');

  const guest = await browser.person(server.url, PHONE);
  await guest.enter(room);
  await becomes(() => isAtEnd(guest), true, 'one begins at the newest line');
  assert.ok((await guest.said()).length < COUNT / 2, 'and only a part is fetched');

  // Up to the beginning, page by page, as a thumb does.
  const log = guest.page.locator('#log');
  await until(async () => {
    await log.evaluate((log) => log.scrollTo({ top: -log.scrollHeight }));
    return guest.page.getByText('This is where the conversation begins.').isVisible();
  }, 'the beginning of the conversation');
  const read = await numbers(guest);
  assert.equal(read.length, COUNT);
  assert.equal(new Set(read).size, COUNT);

  // Somebody speaks: who reads the beginning is not taken away from it, but told.
  const place = await log.evaluate((log) => log.scrollTop + log.scrollHeight);
  await host.post(room, 'message 1001 of many');
  await guest.page.getByRole('button', { name: '1 new' }).waitFor();
  await becomes(
    () => log.evaluate((log, place) => Math.abs(log.scrollTop + log.scrollHeight - place) < 3, place),
    true,
    'what one reads stays where it is',
  );
  await guest.page.getByRole('button', { name: '1 new' }).click();
  await becomes(() => isAtEnd(guest), true);
  await host.post(room, 'message 1002 of many');
  await becomes(async () => (await numbers(guest)).at(-1), 1002);
  await becomes(() => isAtEnd(guest), true, 'who is at the end stays there');
});
