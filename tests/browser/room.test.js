// @ts-check
// Two people in a room: they come, talk, and go.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();

test('they see each other come, talk both ways, and go; then the room goes', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const guest = await browser.person(server.url);
  const room = await host.create('Two of us');
  await guest.enter(room);
  await becomes(async () => (await host.notices()).length, 2, 'two joins');
  assert.match((await host.notices())[1] ?? '', /joined\.$/);

  await host.say('Hello <b>you</b>');
  await guest.say('안녕하세요 🎈');
  const both = ['Hello <b>you</b>', '안녕하세요 🎈'];
  for (const person of [host, guest]) await becomes(async () => (await person.said()).sort(), both);
  for (const [person, own] of /** @type {const} */ ([[host, both[0]], [guest, both[1]]])) {
    await person.isSent();
    const mine = person.page.locator('#messages .message.mine [data-field=text]');
    await becomes(() => mine.allTextContents(), [own ?? '']);
  }
  await becomes(() => host.page.locator('#occupants > li').count(), 2);

  await guest.page.getByRole('button', { name: 'Leave' }).click();
  await guest.page.waitForURL(`${server.url}/`);
  await becomes(async () => (await host.notices()).at(-1)?.endsWith('left.'), true);
  await host.page.getByRole('button', { name: 'Leave' }).click();
  await host.page.waitForURL(`${server.url}/`);
  await becomes(() => host.page.locator(`[data-room="${room}"]`).count(), 0);
  const gone = await guest.page.goto(`${server.url}/room/${room}`);
  assert.equal(gone?.status(), 404);
  await guest.sees('There is no such room');
});

test('who removes the room tells everybody in it', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const guest = await browser.person(server.url);
  const room = await host.create('Closing soon');
  await guest.enter(room);
  const removed = await host.context.request.delete(`${server.url}/room/${room}`);
  assert.equal(removed.status(), 204);
  for (const person of [host, guest]) await person.sees('This room has closed');
  await guest.page.getByRole('link', { name: 'All rooms' }).first().click();
  await guest.page.waitForURL(`${server.url}/`);
});

test('a line is said once, whatever is pressed, and what is typed meanwhile stays', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  await host.create('Pressing keys');
  const box = host.page.locator('#chat');
  await box.fill('once');
  await box.press('Enter');
  await box.press('Enter');
  await box.pressSequentially('first');
  await box.press('Shift+Enter');
  await box.pressSequentially('second');
  await host.page.getByRole('button', { name: 'Send' }).click();
  await becomes(() => host.said(), ['once', 'first\nsecond']);
  await box.fill('   ');
  await box.press('Enter');
  await box.fill('x'.repeat(2001));
  await box.press('Enter');
  await becomes(() => box.inputValue(), 'x'.repeat(2001), 'too long: kept, not sent');
  await becomes(() => host.page.locator('#composer-note.fault').count(), 1);
  await box.fill('the end');
  await box.press('Enter');
  await becomes(() => host.said(), ['once', 'first\nsecond', 'the end']);
});

test('two tabs of one person are one occupant', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  await host.create('One person');
  const second = await host.tab();
  await second.isIn();
  await second.say('from the second tab');
  for (const tab of [host, second]) {
    await becomes(() => tab.said(), ['from the second tab']);
    await becomes(() => tab.page.locator('#messages .message.mine').count(), 1);
    await becomes(() => tab.page.locator('#occupants > li').count(), 1);
  }
  await second.page.close();
  await host.say('still here');
  await becomes(() => host.said(), ['from the second tab', 'still here']);
  await becomes(async () => (await host.notices()).length, 1, 'one join, no exit');
});
