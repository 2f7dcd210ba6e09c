// @ts-check
// Texts that run from right to left, and a conversation on paper.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';

import { file } from './harness/images.js';
import { PHONE } from './harness/people.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const scene = stage();
const artefacts = new URL('../../artefacts/', import.meta.url);
mkdirSync(artefacts, { recursive: true });
const picture = (/** @type {string} */ name) => new URL(name, artefacts).pathname;

const ARABIC = 'مرحبا بالجميع! درجة الحرارة 21.5 في https://a.example/x الآن.';
const HEBREW = 'שלום לכולם\nand a line in English\nועוד שורה בעברית, ארוכה יותר מכל השורות האחרות כאן';

test('what is written from right to left is read so, and moves nothing else', async () => {
  const host = await scene.browser.person(scene.server.url);
  const room = await host.create('غرفة الشاي – tea');
  const guest = await scene.browser.person(`${scene.server.url}/room/${room}`, PHONE);
  await guest.isIn();
  // One after the other: what goes by HTTP could overtake what goes over the socket.
  await host.say(ARABIC);
  await host.isSent();
  await host.post(room, HEBREW);
  await host.say('and plain English');
  await guest.page.getByText('plain English').waitFor();
  for (const person of [host, guest]) {
    const { page } = person;
    const read = await page.locator('#messages [data-field=text]').evaluateAll((texts) => texts.map((text) => ({
      direction: getComputedStyle(text).direction,
      fits: text.scrollWidth <= text.clientWidth + 1,
    })));
    assert.deepEqual(read.map(({ direction }) => direction), ['rtl', 'rtl', 'ltr']);
    assert.ok(read.every(({ fits }) => fits));
    assert.equal(await page.locator('#title').evaluate((title) => getComputedStyle(title).direction), 'rtl');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
    // Each line of a text has its own direction: English begins at the left, Hebrew ends at the right.
    const edges = await page.locator('#messages [data-field=text]').nth(1).evaluate((text) => {
      const range = document.createRange();
      const node = /** @type {Text} */ (text.firstChild);
      const whole = text.getBoundingClientRect();
      const from = node.data.split('\n').map((line, index, lines) => lines.slice(0, index).join('\n').length + (index && 1));
      return from.map((start, index) => {
        range.setStart(node, start);
        range.setEnd(node, start + (node.data.split('\n')[index]?.length ?? 0));
        const box = range.getBoundingClientRect();
        return box.left - whole.left < whole.right - box.right ? 'left' : 'right';
      });
    });
    assert.deepEqual(edges[1], 'left');
    assert.deepEqual(edges[0], 'right');
  }
  // Mine are on the side of mine, whatever is in them.
  const mine = host.page.locator('#messages .mine .bubble');
  await becomes(() => mine.evaluateAll((bubbles) => {
    const rights = bubbles.map((bubble) => Math.round(bubble.getBoundingClientRect().right));
    return rights.every((right) => right === rights[0]);
  }), true);
  await host.page.locator('#chat').fill('مرحبا');
  assert.equal(await host.page.locator('#chat').evaluate((field) => getComputedStyle(field).direction), 'rtl');
  await host.page.screenshot({ path: picture('right-to-left.png') });
  await guest.page.screenshot({ path: picture('right-to-left-phone.png') });
});

test('a conversation prints whole, in ink, and without what only works on a screen', async () => {
  const host = await scene.browser.person(scene.server.url, { colorScheme: 'dark' });
  const room = await host.create('On paper');
  const guest = await scene.browser.person(`${scene.server.url}/room/${room}`);
  await guest.isIn();
  for (let n = 1; n <= 40; n += 1) await (n % 3 ? host : guest).post(room, `line ${n}: ${'words '.repeat(n % 7)}`);
  await host.page.locator('#file').setInputFiles(file('dot.gif'));
  await host.sendChosen();
  await host.page.locator('#messages .picture').waitFor();
  await becomes(async () => (await host.said()).length, 40);
  await host.page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const { page } = host;
  for (const gone of ['#composer', '#people', '#leave', '.to-bottom', '#copy-link']) {
    assert.equal(await page.locator(gone).first().isVisible(), false, gone);
  }
  const paper = await page.evaluate(() => {
    const style = (/** @type {string} */ name) => getComputedStyle(/** @type {Element} */ (document.querySelector(name)));
    const texts = [...document.querySelectorAll('#messages [data-field=text]')];
    return {
      ink: style('.message-text').color,
      paper: style('html').backgroundColor,
      // Nothing is cut off by a scroller: the page is as high as what is on it.
      whole: texts.every((text) => text.getBoundingClientRect().bottom <= document.documentElement.scrollHeight),
      clips: [...document.querySelectorAll('.log, .room, body')].some((box) => getComputedStyle(box).overflowY !== 'visible'),
      authors: [...document.querySelectorAll('.message:not(.follows) .message-author')].every((author) => author.getBoundingClientRect().width > 20),
    };
  });
  assert.deepEqual(paper, { ink: 'rgb(0, 0, 0)', paper: 'rgb(255, 255, 255)', whole: true, clips: false, authors: true });
  await page.setViewportSize({ width: 794, height: 1123 });
  await page.screenshot({ path: picture('on-paper.png'), fullPage: true });
  const pdf = await page.pdf({ path: picture('on-paper.pdf'), format: 'A4' });
  const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.ok(pages >= 2, `${pages} pages`);
});
