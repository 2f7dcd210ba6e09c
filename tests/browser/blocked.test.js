// @ts-check
// Where a proxy blocks WebSocket: the pages go on over plain HTTP, say so, and come back.

import { test } from 'node:test';

import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';
import { Wire } from './harness/wire.js';

const scene = stage();

/** @typedef {import('./harness/people.js').Person} Person */

/**
 * Somebody at the page, behind a proxy that knows no WebSocket until it is told to.
 * @param {string} url
 */
async function behindProxy(url) {
  const person = await scene.browser.person('about:blank');
  let isBlocked = true;
  await person.page.routeWebSocket(/\/mqtt$/, (socket) => {
    if (isBlocked) socket.close({ code: 1006 });
    else socket.connectToServer();
  });
  await person.page.goto(url);
  person.origin = new URL(url).origin;
  return {
    person,
    unblock: async () => {
      isBlocked = false;
      await person.page.evaluate(() => dispatchEvent(new Event('online')));
    },
  };
}

/** @param {Person} person */
const notice = (person) => person.page.locator('#connection').textContent();

test('without WebSocket one talks over HTTP, and goes back without a gap or a double', async () => {
  const { server } = scene;
  const host = await scene.browser.person(server.url);
  const room = await host.create('Behind a proxy');
  const { person: guest, unblock } = await behindProxy(`${server.url}/room/${room}`);
  await guest.isIn();
  await becomes(() => notice(guest), 'Live over HTTP');
  await guest.say('over HTTP');
  await guest.isSent();
  await becomes(() => host.said(), ['over HTTP']);
  await host.say('over MQTT');
  await becomes(() => guest.said(), ['over HTTP', 'over MQTT']);
  await host.context.request.patch(`${server.url}/room/${room}`, { data: { title: 'Renamed' } });
  await becomes(() => guest.page.locator('#title').textContent(), 'Renamed');

  await unblock();
  await becomes(() => notice(guest), '');
  await guest.say('back again');
  await host.say('welcome');
  await guest.isSent();
  await host.isSent();
  for (const person of [host, guest]) {
    await becomes(async () => (await person.said()).length, 4);
    await becomes(async () => new Set(await person.said()).size, 4);
    await becomes(async () => (await person.notices()).length, 2, 'two joins, no exit');
  }
  await host.context.request.delete(`${server.url}/room/${room}`);
  await guest.sees('This room has closed');
});

test('without WebSocket one hears that one was removed, and that the room was', async () => {
  const { server } = scene;
  const host = await scene.browser.person(server.url);
  const room = await host.create('Strict');
  const [first, second] = [
    await behindProxy(`${server.url}/room/${room}`),
    await behindProxy(`${server.url}/room/${room}`),
  ];
  for (const { person } of [first, second]) {
    await person.isIn();
    await becomes(() => notice(person), 'Live over HTTP');
  }
  const { uid } = await first.person.page.evaluate(
    () => JSON.parse(document.getElementById('data')?.textContent ?? '').me,
  );
  await host.context.request.post(`${server.url}/room/${room}/kick`, { data: { uid, ban: true } });
  await first.person.sees('You were removed');
  await host.context.request.delete(`${server.url}/room/${room}`);
  await second.person.sees('This room has closed');
});

test('without WebSocket the list of rooms is asked for, and live again after', async () => {
  const { server } = scene;
  const { person: watcher, unblock } = await behindProxy(server.url);
  await becomes(() => watcher.page.locator('#status').textContent(), 'Over HTTP');
  const host = await scene.browser.person(server.url);
  const room = await host.create('Polled');
  const card = watcher.page.locator(`[data-room="${room}"]`);
  await card.getByText('1 of 10 here').waitFor();
  await unblock();
  await becomes(() => watcher.page.locator('#status').textContent(), '');
  await host.page.getByRole('button', { name: 'Leave' }).click();
  await becomes(() => card.count(), 0);
});

test('where a proxy never answers a WebSocket one talks over HTTP, at once the next time, and comes back', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('Silence');
  const wire = await Wire.to(server);
  wire.swallowsUpgrades = true;
  const guest = await browser.person(wire.url);
  await becomes(() => guest.page.locator('#status').textContent(), 'Over HTTP');
  await guest.enter(room);
  await becomes(() => notice(guest), 'Live over HTTP');
  await guest.say('through the silence');
  await guest.isSent();
  await becomes(() => host.said(), ['through the silence']);

  wire.swallowsUpgrades = false;
  await becomes(async () => {
    await guest.page.evaluate(() => dispatchEvent(new Event('online')));
    return notice(guest);
  }, '');
  await host.say('heard');
  await becomes(() => guest.said(), ['through the silence', 'heard']);
  wire.remove();
});
