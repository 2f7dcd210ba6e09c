// @ts-check
// mqtt.js in Node, in both versions, over TCP and WebSocket.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';

import mqtt from 'mqtt';

const http = `127.0.0.1:${process.env['PARLOR_HTTP']}`;
const addresses = { tcp: `mqtt://127.0.0.1:${process.env['PARLOR_MQTT']}`, websocket: `ws://${http}/mqtt` };
const patience = { timeout: 20_000 };
let number = 0;
const topic = () => `open/js-${number++}`;

/** A room that stays when nobody is in it. */
async function room() {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const body = JSON.stringify({ title: 'peers', max: 10, keep: true });
  const made = await fetch(`http://${http}/room`, { method: 'POST', headers, body });
  const card = /** @type {{ id: string }} */ (await made.json());
  return card.id;
}

/** @typedef {{ topic: string, payload: string, qos: number, retain: boolean }} Message */

/** What arrives at a client, in order; may be waited for. @param {mqtt.MqttClient} client */
function inbox(client) {
  /** @type {Message[]} */
  const messages = [];
  client.on('message', (topic, payload, { qos, retain }) => {
    messages.push({ topic, payload: payload.toString(), qos, retain });
    client.emit(/** @type {any} */ ('mail'));
  });
  return async () => {
    for (;;) {
      const message = messages.shift();
      if (message) return message;
      await once(/** @type {any} */ (client), 'mail');
    }
  };
}

for (const protocolVersion of /** @type {const} */ ([4, 5])) {
  for (const [transport, address] of Object.entries(addresses)) {
    describe(`MQTT ${protocolVersion} over ${transport}`, patience, () => {
      /** @param {import('node:test').TestContext | import('node:test').SuiteContext} context */
      async function connect(context, /** @type {mqtt.IClientOptions} */ options = {}) {
        const client = mqtt.connect(address, {
          protocolVersion,
          clientId: `js-${number++}`,
          reconnectPeriod: 0,
          ...options,
        });
        const next = inbox(client);
        const [connack] = await once(/** @type {any} */ (client), 'connect');
        /** @type {any} */ (context).after(() => client.end(true));
        return { client, next, resumed: connack.sessionPresent };
      }
      /** A session that outlives its connection. @param {string} clientId */
      const lasting = (clientId) => ({
        clientId,
        clean: false,
        ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 600 } }),
      });

      test('an open topic carries every QoS', async (context) => {
        const [reader, writer, name] = [await connect(context), await connect(context), topic()];
        await reader.client.subscribeAsync(name, { qos: 2 });
        for (const qos of /** @type {const} */ ([0, 1, 2])) {
          await writer.client.publishAsync(name, `at ${qos}`, { qos });
          assert.deepEqual(await reader.next(), { topic: name, payload: `at ${qos}`, qos, retain: false });
        }
      });

      test('a room hears what is said at every QoS', async (context) => {
        const [reader, writer, name] = [await connect(context), await connect(context), `chat/${await room()}`];
        await reader.client.subscribeAsync(name, { qos: 2 });
        for (const qos of /** @type {const} */ ([0, 1, 2])) {
          await writer.client.publishAsync(name, `at ${qos}`, { qos });
          for (;;) {
            const event = JSON.parse((await reader.next()).payload);
            if (event.type === 'chat' && event.chat === `at ${qos}`) break;
          }
        }
      });

      test('a retained message waits until it is removed', async (context) => {
        const [writer, name] = [await connect(context), topic()];
        await writer.client.publishAsync(name, 'kept', { qos: 1, retain: true });
        const reader = await connect(context);
        await reader.client.subscribeAsync(name, { qos: 1 });
        const message = await reader.next();
        assert.deepEqual([message.payload, message.retain], ['kept', true]);
        await writer.client.publishAsync(name, '', { qos: 1, retain: true });
        const late = await connect(context);
        await late.client.subscribeAsync(name, { qos: 1 });
        await writer.client.publishAsync(name, 'new', { qos: 1 });
        assert.equal((await late.next()).payload, 'new');
      });

      test('a will is given out when its author dies', async (context) => {
        const [heir, name] = [await connect(context), topic()];
        await heir.client.subscribeAsync(name, { qos: 1 });
        const will = { topic: name, payload: Buffer.from('farewell'), qos: /** @type {1} */ (1), retain: false };
        const dying = await connect(context, { will });
        dying.client.stream.destroy();
        assert.equal((await heir.next()).payload, 'farewell');
      });

      test('a session goes on where it was', async (context) => {
        const [writer, name, clientId] = [await connect(context), topic(), `js-lasting-${number++}`];
        const first = await connect(context, lasting(clientId));
        assert.equal(first.resumed, false);
        await first.client.subscribeAsync(name, { qos: 2 });
        await first.client.endAsync();
        for (const qos of /** @type {const} */ ([1, 2])) {
          await writer.client.publishAsync(name, `at ${qos}`, { qos });
        }
        const back = await connect(context, lasting(clientId));
        assert.equal(back.resumed, true);
        assert.deepEqual([(await back.next()).payload, (await back.next()).payload], ['at 1', 'at 2']);
      });
    });
  }
}
