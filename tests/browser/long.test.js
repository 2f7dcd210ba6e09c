// @ts-check
// A long conversation: one begins at its end, reads back to its beginning, and is not moved about.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PHONE } from './harness/people.js';
import { Program } from './harness/program.js';
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

const MANY = 2000;
/** Lines in one list. */
const CHUNK = 100;

/**
 * @param {Program} program
 * @param {string} room
 * @param {number} first
 * @param {number} last
 */
async function talk(program, room, first, last) {
  for (let number = first; number <= last; number += TOGETHER) {
    const some = Array.from({ length: Math.min(TOGETHER, last - number + 1) }, (_, index) => number + index);
    await Promise.all(some.map(async (number) => {
      const chat = `message ${number} of many${' and more words'.repeat((number * 7) % 23)}`;
      const { status } = await program.json('POST', `/room/${room}/chat`, { chat });
      assert.equal(status, 201);
    }));
  }
}

/**
 * What was said, as the log has it.
 * @param {Program} program
 * @param {string} room
 */
async function logged(program, room) {
  /** @type {string[]} */
  const texts = [];
  for (let before = ''; ;) {
    const answer = await program.ask('GET', `/room/${room}/chats?limit=200${before}`);
    const page = /** @type {any} */ (await answer.json());
    const chats = page.chats.filter((/** @type {{ type: string }} */ { type }) => type === 'chat');
    texts.unshift(...chats.map((/** @type {{ chat: string }} */ { chat }) => chat));
    if (page.before === null) return texts;
    before = `&before=${page.before}`;
  }
}

/** @param {import('./harness/people.js').Person} person */
const lists = (person) =>
  person.page.locator('#messages > *').evaluateAll((all) => all.map((list) => ({
    isList: list.matches('ol') && [...list.children].every((line) => line.matches('li')),
    lines: list.childElementCount,
    isDrawn: list.firstElementChild?.checkVisibility({ contentVisibilityAuto: true }),
  })));

/**
 * Holds on to a line that is in sight.
 * @param {import('./harness/people.js').Person} person
 */
async function lineInSight({ page }) {
  const line = await page.waitForFunction(() => {
    const { left, top, width, height } = /** @type {Element} */ (document.getElementById('log')).getBoundingClientRect();
    for (let y = top + height / 2; y < top + height; y += 4) {
      const line = document.elementFromPoint(left + width / 2, y)?.closest('#messages li');
      if (line) return line;
    }
    return null;
  });
  const place = () => line.evaluate((line) => line?.getBoundingClientRect().top ?? NaN);
  return { at: await place(), place };
}

/**
 * Scrolls down, and says by how much what is in sight goes down by that.
 * @param {import('./harness/people.js').Person} person
 * @param {number} by
 */
const scrolled = ({ page }, by) =>
  page.locator('#log').evaluate((log, by) => {
    const before = log.scrollTop;
    log.scrollTop += by;
    return before - log.scrollTop;
  }, by);

/**
 * Scrolls to where the oldest line is so far above.
 * @param {import('./harness/people.js').Person} person
 * @param {number} above
 */
async function fromOldest(person, above) {
  const isAbove = await person.page.locator('#log').evaluate((log) => log.scrollHeight + log.scrollTop - log.clientHeight);
  return scrolled(person, above - isAbove);
}

/** What was to be drawn is drawn. @param {import('./harness/people.js').Person} person */
const drawn = ({ page }) =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));

test('thousands of lines stand in few lists, whole and in order, and what one reads does not move', async () => {
  const { server, browser } = scene;
  const program = new Program(server);
  const room = await program.room({ title: 'Very long talk' });
  await talk(program, room, 1, MANY);
  const guest = await browser.person(server.url);
  await guest.enter(room);
  const count = async () => (await lists(guest)).reduce((sum, { lines }) => sum + lines, 0);

  const beginning = guest.page.getByText('This is where the conversation begins.');
  while (!(await beginning.isVisible())) {
    const before = await count();
    await fromOldest(guest, 1500);
    const line = await lineInSight(guest);
    const wanted = await fromOldest(guest, 400);
    await until(async () => (await count()) > before || beginning.isVisible(), 'older lines');
    await drawn(guest);
    const moved = (await line.place()) - line.at - wanted;
    assert.ok(Math.abs(moved) < 1.5, `a line moved by ${moved} px as older ones came before ${before}`);
  }
  assert.deepEqual(await guest.said(), await logged(program, room));
  const all = await lists(guest);
  assert.ok(all.every(({ isList, lines }) => isList && lines > 0 && lines <= CHUNK), JSON.stringify(all));
  assert.ok(all.length <= MANY / CHUNK + 2, `${all.length} lists`);
  await becomes(async () => (await lists(guest)).filter(({ isDrawn }) => isDrawn).length < 8, true, 'most are not drawn');

  // What is not drawn is found by the browser's search, which this address uses, and is printed.
  await guest.page.goto(`${guest.page.url()}#:~:text=message%201000%20of%20many`);
  await becomes(() => guest.page.getByText('message 1000 of many').evaluate((found) => {
    const { top, bottom } = found.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  }), true, 'what was searched for is in sight');
  await guest.page.emulateMedia({ media: 'print' });
  await becomes(async () => (await lists(guest)).every(({ isDrawn }) => isDrawn), true, 'all is printed');
  await guest.page.emulateMedia({ media: null });
});

/** Down to the end. @param {import('./harness/people.js').Person} person */
async function readOn(person) {
  while (!(await isAtEnd(person))) {
    const line = await lineInSight(person);
    const wanted = await scrolled(person, 300);
    await drawn(person);
    const jump = (await line.place()) - line.at - wanted;
    assert.ok(Math.abs(jump) < 1.5, `a jump of ${jump} px`);
  }
}

test('one reads on without a jump through what was said meanwhile', async () => {
  const { server, browser } = scene;
  const program = new Program(server);
  const room = await program.room({ title: 'Much said meanwhile' });
  await talk(program, room, 1, 200);
  const guest = await browser.person(server.url);
  await guest.enter(room);
  await scrolled(guest, -2000);
  const line = await lineInSight(guest);
  await talk(program, room, 201, 550);
  await guest.page.getByRole('button', { name: '350 new' }).waitFor();
  await drawn(guest);
  const moved = (await line.place()) - line.at;
  assert.ok(Math.abs(moved) < 1.5, `a line moved by ${moved} px as newer ones came`);

  await readOn(guest);
  assert.deepEqual(await guest.said(), (await logged(program, room)).slice(-(await guest.said()).length));

  // Narrower, as a phone that is turned: each line below is higher than it was when it was drawn.
  await scrolled(guest, -20_000);
  await drawn(guest);
  await guest.page.setViewportSize({ width: 420, height: 800 });
  await drawn(guest);
  await readOn(guest);
});
