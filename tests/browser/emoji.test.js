// @ts-check
// An emoji is chosen by mouse, thumb or keyboard, and goes where the caret is.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { faults } from './harness/axe.js';
import { DESKTOP, PHONE } from './harness/people.js';
import { store } from './harness/server.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();
const folder = resolve(import.meta.dirname, '../../artefacts', store);

/** @typedef {import('./harness/people.js').Person} Person */

/** @param {Person} person */
const focused = ({ page }) =>
  page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id ?? '');

/** @param {Person} person @param {number} [caret] the text is written, and the caret stands there */
async function write({ page }, text = '', caret = text.length) {
  const box = page.locator('#chat');
  await box.fill(text);
  await box.evaluate((box, caret) => /** @type {HTMLTextAreaElement} */ (box).setSelectionRange(caret, caret), caret);
  return box;
}

test('by keyboard: found by name, put at the caret, undone, and kept among the last', async () => {
  const host = await scene.browser.person(scene.server.url);
  const { page } = host;
  await host.create('With feeling');
  const box = await write(host, 'well done', 4);
  const open = page.getByRole('button', { name: 'Insert an emoji' });
  const dialog = page.getByRole('dialog', { name: 'Emoji' });
  await open.focus();
  await page.keyboard.press('Enter');
  await dialog.waitFor();
  await becomes(() => focused(host), 'Find an emoji');
  assert.equal(await open.getAttribute('aria-expanded'), 'true');
  await page.keyboard.type('생일');
  await dialog.getByRole('gridcell', { name: 'birthday cake' }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await becomes(() => focused(host), 'Message');
  assert.equal(await box.inputValue(), 'well done');

  await open.click();
  await becomes(() => focused(host), 'Find an emoji');
  await page.keyboard.type('tears of joy');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  await becomes(() => box.inputValue(), 'well😂 done');
  assert.equal(await open.getAttribute('aria-expanded'), 'false');
  await page.keyboard.type('!');
  await becomes(() => box.inputValue(), 'well😂! done', 'the caret is behind it');
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Control+z');
  await becomes(() => box.inputValue(), 'well done', 'it is undone as what is typed');

  await open.click();
  await becomes(() => focused(host), 'Find an emoji');
  await page.keyboard.press('ArrowDown');
  await becomes(() => focused(host), 'face with tears of joy');
  for (const [key, name] of [
    ['ArrowDown', 'grinning face'],
    ['ArrowRight', 'grinning face with smiling eyes'],
    ['End', 'winking face'],
    ['ArrowRight', 'smiling face with heart eyes'],
    ['ArrowUp', 'grinning face'],
    ['Control+End', 'house'],
    ['Home', 'laptop'],
  ]) {
    await page.keyboard.press(key ?? '');
    await becomes(() => focused(host), name ?? '', key);
  }
  assert.equal(await dialog.locator('[tabindex="0"]').count(), 1, 'one of them is on the way of Tab');
  await page.keyboard.press('Control+Home');
  await becomes(() => focused(host), 'face with tears of joy');
  await page.keyboard.press('ArrowUp');
  await becomes(() => focused(host), 'Find an emoji');
  await page.keyboard.type('no such thing');
  await dialog.getByText('No emoji is called that.').waitFor();
  await page.keyboard.press('Enter');
  assert.deepEqual(await host.said(), [], 'Enter there sends nothing');
  await page.keyboard.press('Escape');

  await open.click();
  await becomes(() => focused(host), 'Find an emoji');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await becomes(() => box.inputValue(), 'well😀 done');
  await page.keyboard.press('Enter');
  await becomes(() => host.said(), ['well😀 done']);
});

test('a message is never made longer than it may be, and what is kept is a row', async () => {
  const host = await scene.browser.person(scene.server.url);
  const { page } = host;
  await host.create('Brief');
  const open = page.getByRole('button', { name: 'Insert an emoji' });
  const dialog = page.getByRole('dialog', { name: 'Emoji' });
  const names = await (async () => {
    await open.click();
    const cells = dialog.getByRole('gridcell');
    return Promise.all([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((at) => cells.nth(at).getAttribute('aria-label')));
  })();
  await page.keyboard.press('Escape');
  for (const name of names) {
    await open.click();
    await dialog.getByRole('gridcell', { name: name ?? '', exact: true }).last().click();
  }
  await open.click();
  const last = dialog.getByRole('rowgroup', { name: 'Recently used' }).getByRole('gridcell');
  await becomes(() => last.count(), 8);
  await becomes(() => last.first().getAttribute('aria-label'), names.at(-1) ?? null);
  await page.keyboard.press('Escape');

  const box = await write(host, 'x'.repeat(2000));
  await open.click();
  await last.first().click();
  await dialog.getByText('a message has at most 2000 characters.').waitFor();
  assert.equal(await box.inputValue(), 'x'.repeat(2000));
  // In the place of what is selected there is room for it.
  await box.evaluate((box) => /** @type {HTMLTextAreaElement} */ (box).setSelectionRange(0, 1));
  await last.first().click();
  await becomes(async () => (await box.inputValue()).length, 2001, 'one pair of code units for one');
  await page.locator('#log').click();
  await open.click();
  await page.locator('#log').click();
  await dialog.waitFor({ state: 'hidden' });

  await page.evaluate(() => localStorage.setItem('emoji', `<b>x</b> ${'🎂 '.repeat(500)}`));
  await open.click();
  await becomes(() => last.count(), 7, 'only what there is');
});

test('it is fetched when it is wanted, and without it one can write on', async () => {
  const host = await scene.browser.person(scene.server.url);
  const { page } = host;
  /** @type {string[]} */
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await host.create('Light');
  assert.ok(asked.some((url) => url.endsWith('/min/composer.js')));
  assert.deepEqual(asked.filter((url) => url.includes('emoji')), []);
  await page.route('**/emoji.css', (route) => route.abort(), { times: 1 });
  const open = page.getByRole('button', { name: 'Insert an emoji' });
  await write(host, 'still here');
  await open.click();
  await host.sees('That did not work. Please try again.');
  await open.click();
  await page.getByRole('dialog', { name: 'Emoji' }).waitFor();
  await becomes(() => page.locator('#chat').inputValue(), 'still here');
});

for (const [device, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`in Korean on ${device}, ${colorScheme}`, async () => {
      mkdirSync(folder, { recursive: true });
      const look = { ...options, colorScheme, locale: 'ko-KR' };
      const host = await scene.browser.person(scene.server.url, look);
      const { page } = host;
      const made = await host.context.request.post(`${scene.server.url}/room`, { data: { title: '일요일 산책 모임' } });
      await host.enter((await made.json()).id);
      await write(host, '좋아요 ');
      const open = page.getByRole('button', { name: '이모지 넣기' });
      const dialog = page.getByRole('dialog', { name: '이모지' });
      await open.click();
      await dialog.getByRole('gridcell', { name: '엄지 위로' }).click();
      await becomes(() => page.locator('#chat').inputValue(), '좋아요 👍');
      await open.click();
      await dialog.getByRole('rowgroup', { name: '최근에 쓴 이모지' }).waitFor();
      // What is typed goes to the field, unless that would bring up a keyboard over the choice.
      await becomes(() => focused(host), device === 'phone' ? '엄지 위로' : '이모지 찾기');
      const found = await faults(host);
      await page.screenshot({ path: join(folder, `emoji-${device}-${colorScheme}.png`) });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
      await dialog.getByRole('searchbox').fill('사랑');
      await becomes(() => dialog.getByRole('gridcell').count(), 9);
      found.push(...(await faults(host)));
      await page.screenshot({ path: join(folder, `emoji-found-${device}-${colorScheme}.png`) });
      assert.deepEqual(found, []);
      await host.context.close();
    });
  }
}

test('from right to left the arrows go the way they point, and nothing sticks out', async () => {
  const host = await scene.browser.person(scene.server.url, PHONE);
  const { page } = host;
  await host.create('Mirror');
  await page.evaluate(() => (document.documentElement.dir = 'rtl'));
  await page.getByRole('button', { name: 'Insert an emoji' }).click();
  const dialog = page.getByRole('dialog', { name: 'Emoji' });
  await becomes(() => focused(host), 'grinning face');
  await page.keyboard.press('ArrowLeft');
  await becomes(() => focused(host), 'grinning face with smiling eyes');
  await page.keyboard.press('ArrowRight');
  await becomes(() => focused(host), 'grinning face');
  const place = await dialog.boundingBox();
  assert.ok(place && place.x >= 0 && place.y >= 0 && place.x + place.width <= 390, JSON.stringify(place));
  await page.screenshot({ path: join(folder, 'emoji-right-to-left.png') });
});
