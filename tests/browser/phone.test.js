// @ts-check
// On a phone: everything is there, and nothing sticks out.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PHONE } from './harness/people.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();

/** @param {import('./harness/people.js').Person} person */
const sticksOut = (person) =>
  person.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);

test('a room is made, used and left with a thumb', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url, PHONE);
  assert.equal(await sticksOut(host), false, 'the list');
  await host.page.goto(`${server.url}/room`);
  assert.equal(await sticksOut(host), false, 'the form');
  const room = await host.create(`A title that is ${'very '.repeat(15)}long`);
  await host.say(`https://example.org/${'long'.repeat(60)}`);
  await host.say('w'.repeat(500));
  await host.isSent();
  assert.equal(await sticksOut(host), false, 'the room');

  const box = await host.page.locator('#chat').boundingBox();
  assert.ok(box && box.y + box.height <= 844, 'the text box is in sight');
  await host.openPeople();
  await host.page.locator('#occupants > li').first().waitFor();
  await host.closePeople();
  await host.page.getByRole('button', { name: 'Send' }).waitFor();
  await host.page.locator('#chat').fill('by thumb');
  await host.page.getByRole('button', { name: 'Send' }).tap();
  await becomes(async () => (await host.said()).at(-1), 'by thumb');
  await host.page.getByRole('button', { name: 'Leave' }).tap();
  await host.page.waitForURL(`${server.url}/`);
  await becomes(() => host.page.locator(`[data-room="${room}"]`).count(), 0);
});
