// @ts-check
// Doors that do not open by themselves: locked, full, and not there. In two languages.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();

test('a locked room opens for its password, and tells a wrong one on the page', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const guest = await browser.person(server.url);
  const room = await host.create('Members only', { password: 'a&b#c' });
  await host.say('behind the door');
  await host.isSent();

  await guest.page.goto(`${server.url}/room/${room}`);
  assert.ok(!(await guest.page.content()).includes('behind the door'));
  await guest.page.locator('#password').fill('wrong');
  await guest.page.getByRole('button', { name: 'Enter' }).click();
  await becomes(() => guest.page.getByRole('alert').textContent(), 'Wrong password.');
  await guest.page.locator('#password').fill('a&b#c');
  await guest.page.getByRole('button', { name: 'Enter' }).click();
  await guest.isIn();
  await becomes(() => guest.said(), ['behind the door']);
  assert.ok(!guest.page.url().includes('?'), 'the password is in no address');
});

test('a full room says so, and lets the next in when there is a place', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const guest = await browser.person(server.url);
  const late = await browser.person(server.url, { locale: 'ko-KR' });
  const room = await host.create('Two chairs', { max: 2 });
  await guest.enter(room);
  const refused = await late.page.goto(`${server.url}/room/${room}`);
  assert.equal(refused?.status(), 409);
  await late.sees('허용 인원이 초과하였습니다.');
  await guest.page.getByRole('button', { name: 'Leave' }).click();
  await guest.page.waitForURL(`${server.url}/`);
  await late.enter(room);
});

test('what is not there is said in words, in Korean and English', async () => {
  const { server, browser } = scene;
  for (const [locale, noRoom, noPage] of [
    ['ko-KR', '존재하지 않는 방입니다.', '찾으시는 페이지가 없습니다.'],
    ['en-US', 'There is no such room.', 'There is no such page.'],
  ]) {
    const visitor = await browser.person(server.url, { locale });
    await visitor.page.goto(`${server.url}/room/000000000000`);
    await visitor.sees(noRoom ?? '');
    await visitor.page.goto(`${server.url}/nowhere`);
    await visitor.sees(noPage ?? '');
  }
});

test('a form with a fault comes back with what was typed', async () => {
  const { server, browser } = scene;
  const host = await browser.person(`${server.url}/room`);
  await host.page.getByLabel('Title').fill('   ');
  await host.page.getByLabel('Capacity').fill('7');
  // As a browser that checks nothing itself.
  await host.page.locator('form.sheet').evaluate((form) => Object.assign(form, { noValidate: true }));
  await host.page.getByRole('button', { name: 'Create room' }).click();
  await host.sees('Give the room a title');
  await becomes(() => host.page.getByLabel('Capacity').inputValue(), '7');
});

test('without scripts one can read and write', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Plain');
  const guest = await browser.person(server.url, { javaScriptEnabled: false });
  await guest.page.goto(`${server.url}/room/${room}`);
  await guest.page.locator('#chat').fill('by form');
  await guest.page.getByRole('button', { name: 'Send' }).click();
  await becomes(() => guest.said(), ['by form']);
  await becomes(() => host.said(), ['by form']);

  // What is refused comes back, to be made shorter and sent from there.
  await guest.page.locator('#chat').fill('too long '.repeat(300));
  await guest.page.getByRole('button', { name: 'Send' }).click();
  await guest.sees('A message has at most 2000 characters.');
  const typed = guest.page.getByRole('textbox', { name: 'Your message' });
  assert.equal((await typed.inputValue()).trim(), 'too long '.repeat(300).trim());
  await typed.fill('short enough');
  await guest.page.getByRole('button', { name: 'Send' }).click();
  await becomes(() => host.said(), ['by form', 'short enough']);
  await becomes(() => guest.said(), ['by form', 'short enough'], 'back in the room');
});
