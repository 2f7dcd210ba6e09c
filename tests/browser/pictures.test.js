// @ts-check
// Every page and state, on phone and desktop, light and dark: looked at by axe for what keeps people
// out, and put into artefacts/ for people to look at.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { faults } from './harness/axe.js';
import { file, sized } from './harness/images.js';
import { DESKTOP, PHONE } from './harness/people.js';
import { store } from './harness/server.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';
import { Wire } from './harness/wire.js';

const scene = stage();
const folder = resolve(import.meta.dirname, '../../artefacts', store);

for (const [device, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`every page and state on ${device}, ${colorScheme}`, async () => {
      const { server, browser } = scene;
      mkdirSync(folder, { recursive: true });
      const wire = await Wire.to(server);
      const look = { ...options, colorScheme, locale: 'en-US' };
      const me = await browser.person(wire.url, look);
      const other = await browser.person(server.url);
      /** @type {string[]} */
      const found = [];
      /** @param {string} name */
      const shot = async (name, person = me) => {
        for (const fault of await faults(person)) found.push(`${name}: ${fault}`);
        const path = join(folder, `${name}-${device}-${colorScheme}.png`);
        await person.page.screenshot({ path });
      };

      await shot('lobby-empty');
      const locked = await other.create('비밀 모임', { password: 'p' });
      const full = await (await browser.person(server.url)).create('Full house', { max: 2 });
      const second = await browser.person(server.url);
      await second.enter(full);
      await me.page.goto(`${wire.url}/`);
      await me.page.locator(`[data-room="${locked}"]`).waitFor();
      await shot('lobby');

      await me.page.locator(`[data-room="${locked}"] a`).click();
      await me.page.locator('#door-password').fill('wrong');
      await me.page.locator('#door').getByRole('button', { name: 'Enter' }).click();
      await me.page.locator('#door').getByText('Wrong password.').waitFor();
      await shot('lobby-door');
      await me.page.keyboard.press('Escape');
      await me.page.getByRole('link', { name: 'New room' }).first().click();
      await me.page.getByRole('dialog', { name: 'New room' }).waitFor();
      await shot('lobby-create');

      await me.page.goto(`${wire.url}/room`);
      await shot('form');
      await me.page.locator('form.sheet').evaluate((form) => Object.assign(form, { noValidate: true }));
      await me.page.getByLabel('Capacity').fill('1');
      await me.page.getByRole('button', { name: 'Create room' }).click();
      await me.page.locator('[aria-invalid]').first().waitFor();
      await shot('form-faulty');

      await me.page.goto(`${wire.url}/room/${locked}`);
      await shot('door');
      await me.page.locator('#password').fill('wrong');
      await me.page.getByRole('button', { name: 'Enter' }).click();
      await me.page.getByRole('alert').waitFor();
      await shot('door-wrong');

      await me.page.goto(`${wire.url}/room/${full}`);
      await shot('full');
      await me.page.goto(`${wire.url}/nowhere`);
      await shot('nowhere');
      await me.page.goto(`${wire.url}/room/${locked}/help`);
      await shot('help');
      await me.page.goto(`${wire.url}/api`);
      await shot('api');

      const stays = await other.context.request.post(`${server.url}/room`, { data: { title: 'House rules', keep: true } });
      await other.enter((await stays.json()).id);
      await me.enter((await stays.json()).id);
      await other.page.locator(`[data-uid="${(await me.me()).uid}"] [data-field=manage]`).click();
      await other.page.locator('#manage [value=kick]').click();
      await me.page.getByRole('heading', { name: 'You were removed' }).waitFor();
      await shot('room-kicked');

      const room = await me.create('Tea & cake');
      await shot('room-empty');
      await other.enter(room);
      await other.say('Is anybody bringing cake?');
      await other.say('https://example.org/recipes');
      await other.isSent();
      await me.say('케이크는 제가 가져갈게요 🎂');
      await me.say('A longer line, to see how it wraps when there is more to say than fits in one.');
      await me.page.locator('#file').setInputFiles(file('cake.gif', sized(480, 320)));
      await me.page.locator('#chosen li').waitFor();
      await shot('room-image-chosen');
      await me.say('This one');
      await me.page.locator('#messages .picture img').waitFor();
      await me.isSent();
      await shot('room');
      await me.openPeople();
      await me.page.locator('#device > summary').click();
      await shot('room-people');
      const scan = me.page.getByRole('button', { name: 'Show QR code' });
      await scan.and(me.page.locator(':visible')).first().click();
      await me.page.locator('#share').waitFor();
      await shot('room-qr');
      await me.page.keyboard.press('Escape');
      if (device === 'phone') await me.closePeople();
      const person = me.page.locator(`[data-uid="${(await other.me()).uid}"]`);
      await me.openPeople();
      await person.locator('[data-field=whisper]').click();
      await me.say('Between us: is there any left?');
      await me.isSent();
      await shot('room-whisper');
      await me.page.keyboard.press('Escape');
      await me.openPeople();
      await person.locator('[data-field=manage]').click();
      await me.page.locator('#manage').waitFor();
      await shot('owner-manage');
      await me.page.keyboard.press('Escape');
      await me.openPeople();
      await me.page.locator('#settings-open').click();
      await me.page.getByLabel('Lock the room').check();
      await me.page.getByRole('button', { name: 'Save' }).click();
      await me.page.locator('#settings summary').click();
      await me.page.getByText('Nobody is banned.').waitFor();
      await shot('owner-settings');
      await me.page.locator('#settings').getByRole('button', { name: 'Close room' }).click();
      await shot('owner-closing');
      await me.page.locator('#closing').getByRole('button', { name: 'Cancel' }).click();
      await me.page.locator('#settings').getByRole('button', { name: 'Cancel' }).click();

      await me.page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
      await other.say('I am back. Is anybody here?');
      await other.say('I brought plates.');
      await me.page.locator('.unread').waitFor();
      await shot('room-unread');
      await me.page.evaluate(() => Object.defineProperty(document, 'hidden', { value: false, configurable: true }));

      wire.cut();
      await me.say('Is this on?');
      await me.sees('Connection lost');
      await shot('room-lost');
      wire.mend();
      await me.isSent();
      await me.context.request.delete(`${server.url}/room/${room}`);
      await me.sees('This room has closed');
      await shot('room-closed');
      for (const person of [me, other, second]) await person.context.close();
      wire.remove();
      assert.deepEqual(found, []);
    });
  }
}

test('whispers and the owner\'s tools in Korean', async () => {
  const { server, browser } = scene;
  const me = await browser.person(server.url, { ...PHONE, locale: 'ko-KR' });
  const other = await browser.person(server.url, { locale: 'ko-KR' });
  const data = { title: '일요일 산책 모임', offRecord: true };
  const made = await me.context.request.post(`${server.url}/room`, { data });
  const { id } = await made.json();
  /** @type {string[]} */
  const found = [];
  /** @param {string} name */
  const shot = async (name, person = me) => {
    for (const fault of await faults(person)) found.push(`${name}: ${fault}`);
    await person.page.screenshot({ path: join(folder, `${name}-korean.png`) });
  };
  await me.enter(id);
  await other.enter(id);
  await other.say('몇 시에 만날까요?');
  await other.isSent();
  await me.say('두 시쯤 어때요?');
  const row = me.page.locator(`[data-uid="${(await other.me()).uid}"]`);
  await row.waitFor({ state: 'attached' });
  await me.openPeople(/참가자/);
  await shot('room-people');
  await row.locator('[data-field=whisper]').click();
  await me.say('우리 둘만 아는 이야기');
  await me.isSent();
  await shot('room-whisper');
  await me.page.keyboard.press('Escape');
  await me.openPeople(/참가자/);
  await row.locator('[data-field=manage]').click();
  await me.page.locator('#manage').waitFor();
  await shot('owner-manage');
  await me.page.locator('#manage [value=ban]').click();
  await other.sees('강퇴되었습니다');
  await shot('room-banned', other);
  await me.openPeople(/참가자/);
  await me.page.locator('#settings-open').click();
  await me.page.locator('#settings summary').click();
  await me.page.locator('#settings .bans li').waitFor();
  await shot('owner-settings');
  await me.page.locator('#settings [data-field=closeRoom]').click();
  await shot('owner-closing');
  for (const person of [me, other]) await person.context.close();
  assert.deepEqual(found, []);
});

test('a list of many rooms, searched', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const titles = [
    'Book club', 'Book swap', 'Chess', 'Choir rehearsal', '독서 모임', 'Garden', 'Morning stretch', 'Repair café',
    'Shared kitchen', 'Sunday walk', '산책 모임', 'Tool shed', 'Window seats, with a view of the harbour',
  ];
  for (const [at, title] of titles.entries()) {
    const data = { title, keep: true, max: 4 + at, ...(at % 4 === 0 && { password: 'p' }), offRecord: at % 5 === 1 };
    await host.context.request.post(`${server.url}/room`, { data });
  }
  await host.create('Book-keeping, over tea', { max: 3 });
  /** @type {string[]} */
  const found = [];
  for (const [device, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const me = await browser.person(server.url, { ...options, colorScheme });
      /** @param {string} name */
      const shot = async (name) => {
        for (const fault of await faults(me)) found.push(`${name}: ${fault}`);
        await me.page.screenshot({ path: join(folder, `${name}-${device}-${colorScheme}.png`) });
      };
      const find = me.page.getByRole('searchbox', { name: 'Find a room' });
      await find.waitFor();
      await shot('lobby-many');
      await find.fill('book');
      await becomes(async () => (await me.page.locator('#rooms > li:visible').count()), 3);
      await shot('lobby-found');
      await find.fill('nowhere');
      await me.page.locator('#find-none').waitFor();
      await shot('lobby-none-found');
      await me.context.close();
    }
  }
  assert.deepEqual(found, []);
});
