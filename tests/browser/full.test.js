// @ts-check
// A room that is full: who stands before it is told when there is a place.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { faults } from './harness/axe.js';
import { DESKTOP, PHONE } from './harness/people.js';
import { store } from './harness/server.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';
import { Wire } from './harness/wire.js';

// Who is lost has lost the place soon.
const scene = stage({ PARLOR_PRESENCE__GRACE_MS: '300' });
const folder = resolve(import.meta.dirname, '../../artefacts', store);

/** @typedef {import('./harness/people.js').Person} Person */

/** @param {Person} person @param {string} name on desktop and phone, light and dark */
async function pictures(person, name) {
  mkdirSync(folder, { recursive: true });
  /** @type {string[]} */
  const found = [];
  for (const [device, { viewport }] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await person.page.emulateMedia({ colorScheme });
      if (viewport) await person.page.setViewportSize(viewport);
      found.push(...(await faults(person)));
      await person.page.screenshot({ path: join(folder, `${name}-${device}-${colorScheme}.png`) });
    }
  }
  assert.deepEqual(found, []);
}

/** @param {Person} person */
const leave = async ({ page, origin }) => {
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL(`${origin}/`);
};

test('the page of a full room tells when there is a place, and leads in', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Two chairs', { max: 2 });
  const guest = await browser.person(server.url);
  await guest.enter(room);
  const late = await browser.person(server.url);
  const answer = await late.page.goto(`${server.url}/room/${room}`);
  assert.equal(answer?.status(), 409);
  await late.sees('This room has reached its capacity.');
  await leave(guest);
  await late.page.getByRole('heading', { name: 'There is a place now' }).waitFor();
  assert.equal(await late.page.getByRole('alert').textContent(), 'Somebody has left: you can come in.');
  await pictures(late, 'full-place-free');
  await late.page.getByRole('link', { name: 'Try again' }).click();
  await late.isIn();
  await late.say('there you are');
  await becomes(() => host.said(), ['there you are']);
});

test('who lost the place to somebody else is told when there is one again, and leads in', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('One chair too few', { max: 2 });
  const wire = await Wire.to(server);
  const guest = await browser.person(wire.url);
  await guest.enter(room);
  wire.cut();
  await becomes(() => host.page.locator('.panel [data-occupancy]').textContent(), '1/2');
  const other = await browser.person(server.url);
  await other.enter(room);
  wire.mend();
  await guest.page.getByRole('heading', { name: 'Room is full' }).waitFor();
  await guest.sees('This room has reached its capacity.');
  await pictures(guest, 'room-full');
  await leave(other);
  await guest.page.getByRole('heading', { name: 'There is a place now' }).waitFor();
  await guest.sees('Somebody has left: you can come in.');
  await pictures(guest, 'room-place-free');
  await guest.page.getByRole('link', { name: 'Try again' }).click();
  await guest.isIn();
  await guest.say('back again');
  await becomes(() => host.said(), ['back again']);
});
