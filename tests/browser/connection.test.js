// @ts-check
// The connection goes and comes back: nothing is removed, nothing missing, nothing doubled.

import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';
import { Wire } from './harness/wire.js';

const scene = stage();

test('a reload by the only one in the room removes nothing', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Reload me');
  await host.say('before');
  await host.isSent();
  for (let times = 0; times < 3; times += 1) {
    await host.page.reload();
    await host.isIn();
  }
  await host.say('after');
  await becomes(() => host.said(), ['before', 'after']);
  await becomes(async () => (await host.notices()).length, 1, 'one join');
  await becomes(async () => (await host.json(`/room/${room}`)).occupancy, 1);
});

test('a network that is cut for five seconds costs nothing', async () => {
  const { server, browser } = scene;
  const wire = await Wire.to(server);
  const host = await browser.person(server.url);
  const guest = await browser.person(wire.url);
  const room = await host.create('Through the tunnel');
  await guest.enter(room);
  await guest.say('going in');
  await becomes(() => host.said(), ['going in']);

  wire.cut();
  await guest.context.setOffline(true);
  await guest.sees('You are offline.');
  await guest.say('said in the tunnel');
  await guest.page.locator('#outbox > li.sending').waitFor();
  await host.say('anybody there?');
  await host.say('hello?');
  await host.isSent();
  // The one deliberate wait: as long as people's networks really are away.
  await new Promise((resolve) => setTimeout(resolve, 5000));
  wire.mend();
  await guest.context.setOffline(false);

  await guest.isSent();
  const all = ['going in', 'anybody there?', 'hello?', 'said in the tunnel'];
  for (const person of [host, guest]) await becomes(() => person.said(), all);
  await becomes(async () => (await host.notices()).length, 2, 'two joins, no exit');
  await becomes(() => guest.page.locator('#connection').textContent(), '');
  wire.remove();
});

test('a line waits as "Sending" until it is stored', async () => {
  const { server, browser } = scene;
  const wire = await Wire.to(server);
  const host = await browser.person(wire.url);
  await host.create('Slow line');
  wire.hold();
  await host.say('patience');
  const waiting = host.page.locator('#outbox > li.sending');
  await becomes(() => waiting.locator('[data-field=text]').textContent(), 'patience');
  await becomes(() => waiting.locator('[data-field=state]').textContent(), 'Sending');
  await becomes(() => host.said(), []);
  wire.release();
  await host.isSent();
  await becomes(() => host.said(), ['patience']);
  wire.remove();
});

for (const ending of /** @type {const} */ (['kill', 'stop'])) {
  test(`after a restart of the server (${ending}) everything comes back by itself`, async () => {
    const { server, browser } = scene;
    const host = await browser.person(server.url);
    const guest = await browser.person(server.url);
    const lobby = await browser.person(server.url);
    const room = await host.create(`Restarted by ${ending}`);
    await guest.enter(room);
    await host.say('before');
    await host.isSent();
    await server[ending]();
    await host.sees('Connection lost');
    await guest.say('said while it was away');
    await server.again();
    await guest.isSent();
    await host.say('after');
    const all = ['before', 'said while it was away', 'after'];
    for (const person of [host, guest]) await becomes(() => person.said(), all);
    await becomes(async () => (await host.notices()).length, 2, 'no second join');
    const card = lobby.page.locator(`[data-room="${room}"]`);
    await card.getByText('2 of 10 here').waitFor();
    const latest = await guest.create('Made after it');
    await lobby.page.locator(`[data-room="${latest}"]`).waitFor();
  });
}
