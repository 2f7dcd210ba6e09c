// @ts-check
// A device among people: marked as what it is, and as lost while it is awaited.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import mqtt from 'mqtt';

import { faults } from './harness/axe.js';
import { PHONE } from './harness/people.js';
import { store } from './harness/server.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

// Whoever is lost is awaited for as long as the test takes.
const scene = stage({ PARLOR_PRESENCE__GRACE_MS: '120000' });
const folder = resolve(import.meta.dirname, '../../artefacts', store);

/** @param {string} name @param {string} password @param {string} room */
async function device(name, password, room) {
  const options = { username: name, password, clientId: name, reconnectPeriod: 0, protocolVersion: /** @type {const} */ (5) };
  const client = await mqtt.connectAsync(`mqtt://${scene.server.mqtt}`, options);
  await client.subscribeAsync(`chat/${room}`, { qos: 1 });
  return client;
}

test('a device that loses its connection is marked so, until it is back', async () => {
  const { server, browser } = scene;
  mkdirSync(folder, { recursive: true });
  const token = await server.run(['device', 'add', 'porch']);
  const host = await browser.person(server.url, PHONE);
  const room = await host.create('Front door');
  const row = host.page.locator('#occupants > li', { hasText: 'porch' });
  const says = () => row.locator('[data-field=kind]').textContent();
  const connections = async () => {
    const { occupants } = await host.json(`/room/${room}/occupants`);
    return occupants.find((/** @type {any} */ { name }) => name === 'porch')?.connections;
  };

  const first = await device('porch', token, room);
  await host.openPeople();
  await becomes(says, 'device');
  await row.locator('[data-field=chip]').waitFor();

  // Without a word: nothing of MQTT says that it goes.
  first.stream.destroy();
  await becomes(connections, 0);
  await becomes(says, 'device · connection lost', 'the list that is open');
  assert.ok(await row.evaluate((row) => row.classList.contains('away')));
  /** @type {string[]} */
  const found = [];
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await host.page.emulateMedia({ colorScheme });
    found.push(...(await faults(host)));
    await host.page.screenshot({ path: join(folder, `device-lost-phone-${colorScheme}.png`) });
  }
  assert.deepEqual(found, []);

  const second = await device('porch', token, room);
  await becomes(says, 'device', 'the list that was open all the time');
  assert.ok(!(await row.evaluate((row) => row.classList.contains('away'))));
  await becomes(async () => (await host.notices()).filter((notice) => notice.includes('porch')).length, 1, 'one join, no exit');

  await second.endAsync();
  await becomes(() => row.count(), 0, 'the list is told of who leaves');
});
