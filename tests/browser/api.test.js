// @ts-check
// The descriptions for programs are true: every route, method, status and body of the OpenAPI
// document, and every channel and payload of the AsyncAPI document, against the running server.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, test } from 'node:test';

import mqtt from 'mqtt';

import { Described } from './harness/described.js';
import { gif, padded } from './harness/images.js';
import { Program } from './harness/program.js';
import { Server, endStore } from './harness/server.js';
import { until } from './harness/wait.js';

const root = new URL('../../', import.meta.url);
const read = (/** @type {string} */ path) => readFileSync(new URL(path, root), 'utf8');
const NOWHERE = { id: '000000000000' };
const NOBODY = '0000000000000000';

/** @type {Server} */
let server;
/** @type {Server} where everything is soon too much */
let strict;
/** @type {Described} */
let api;
/** @type {any} */
let asyncapi;

before(async () => {
  server = await Server.start({ PARLOR_UPLOADS__BYTES: '1000', PARLOR_MQTT__SYS_INTERVAL_MS: '200' });
  strict = await Server.start({
    PARLOR_LIMITS__PUBLISH_PER_S: '1', PARLOR_LIMITS__PUBLISH_BURST: '1',
    PARLOR_LIMITS__PASSWORD_TRIES: '1', PARLOR_ROOMS__MAX: '3',
  });
  const program = new Program(server);
  api = new Described(/** @type {any} */ (await (await program.ask('GET', '/api/openapi.json')).json()));
  asyncapi = await (await program.ask('GET', '/api/asyncapi.json')).json();
});
after(async () => {
  await server?.remove();
  await strict?.remove();
  await endStore();
});

const PAGE = { accept: 'text/html' };
const form = (/** @type {Record<string, string>} */ fields) => new URLSearchParams(fields).toString();
const image = (/** @type {Buffer} */ bytes, /** @type {Record<string, string>} */ more = {}) => {
  const parts = new FormData();
  parts.append('gif', new Blob([new Uint8Array(bytes)]), 'picture.gif');
  for (const [name, value] of Object.entries(more)) parts.append(name, value);
  return { parts };
};
const parts = (/** @type {Record<string, string>} */ fields) => {
  const parts = new FormData();
  for (const [name, value] of Object.entries(fields)) parts.append(name, value);
  return { parts };
};
const ask = (/** @type {Parameters<Described['ask']>} */ ...args) => api.ask(...args);

test('the documents describe exactly the routes and methods of the router', async () => {
  const routes = [...read('src/web/mod.rs').matchAll(/\.route\(\s*"([^"]+)"/g)];
  const written = routes.map(([, route = '']) => route.replace('{*', '{')).sort();
  assert.deepEqual(Object.keys(api.openapi.paths).sort(), written);
  const owner = new Program(server);
  const room = await owner.room();
  for (const [template, path] of Object.entries(api.openapi.paths)) {
    const address = template.replace('{id}', room).replace('{hash}', 'x').replace('{name}', 'x').replace('{uid}', NOBODY);
    const refused = await owner.ask('PUT', address);
    assert.equal(refused.status, 405, template);
    const allowed = refused.headers.get('allow')?.split(',').filter((method) => method !== 'HEAD');
    const described = Object.keys(path).filter((name) => name !== 'parameters').map((name) => name.toUpperCase());
    assert.deepEqual(allowed?.sort(), described.sort(), template);
  }
});

test('rooms are made, shown, entered and left as it is described', async () => {
  const [owner, other] = [new Program(server), new Program(server)];
  const made = await ask(owner, 'POST /room', {}, { json: { title: 'Described', max: 2, keep: true } });
  await ask(owner, 'POST /room', {}, { form: form({ title: 'By form', max: '5' }), headers: PAGE });
  await ask(owner, 'POST /room', {}, { form: 'title=x', headers: { origin: 'http://evil.example' } });
  await ask(owner, 'POST /room', {}, { text: '<a/>', headers: { 'content-type': 'application/xml' } });
  const { faults } = await ask(owner, 'POST /room', {}, { json: { title: '', max: 1 } });
  assert.deepEqual(Object.keys(faults).sort(), ['max', 'title']);
  for (const headers of [{}, PAGE]) {
    await ask(owner, 'GET /', {}, { headers });
    await ask(owner, 'GET /room/{id}', made, { headers });
    await ask(owner, 'GET /api', {}, { headers });
  }
  await ask(owner, 'GET /room', {});
  await ask(owner, 'GET /room/{id}/', made);
  const locked = await ask(owner, 'POST /room', {}, { json: { title: 'Locked', password: 'sesame', keep: true } });
  assert.equal(locked.locked, true);
  await ask(other, 'POST /room/{id}/enter', locked, { json: { password: 'guess' } });
  for (const operation of ['GET /room/{id}', 'GET /room/{id}/chats', 'GET /room/{id}/events', 'GET /room/{id}/occupants']) {
    await ask(other, operation, locked);
    await ask(other, operation, NOWHERE);
  }
  await ask(other, 'POST /room/{id}/chat', locked, { json: { chat: 'let me in' } });
  await ask(other, 'POST /room/{id}/gif', locked, image(gif));
  await ask(other, 'POST /room/{id}/enter', locked, { json: { password: 'sesame' } });
  await ask(other, 'POST /room/{id}/enter', locked, { form: 'password=sesame', headers: PAGE });
  await ask(other, 'POST /room/{id}/leave', locked);
  await ask(other, 'POST /room/{id}/leave', locked, { headers: PAGE });
  for (const operation of ['GET /room/{id}/', 'GET /room/{id}/help', 'POST /room/{id}/leave', 'POST /room/{id}/enter',
    'POST /room/{id}/chat', 'POST /room/{id}/gif', 'PATCH /room/{id}', 'DELETE /room/{id}']) {
    const wish = operation.startsWith('PATCH') ? { json: {} } : operation.endsWith('gif') ? image(gif) : {};
    const place = operation === 'GET /room/{id}/' ? { id: 'nonsense' } : NOWHERE;
    await ask(owner, operation, place, wish);
  }
  await ask(other, 'PATCH /room/{id}', made, { json: { title: 'Mine' } });
  const changed = await ask(owner, 'PATCH /room/{id}', made, { json: { title: 'Renamed', password: null } });
  assert.equal(changed.title, 'Renamed');
  await ask(owner, 'PATCH /room/{id}', made, { form: 'max=2' });
  await ask(owner, 'PATCH /room/{id}', made, { json: { max: 1 } });
  await ask(owner, 'GET /room/{id}/help', made);
  await ask(owner, 'GET /help', {});
  // Two listeners fill it.
  const [first, second] = [await listener(made.id), await listener(made.id)];
  await ask(other, 'GET /room/{id}', made, { headers: PAGE });
  await ask(other, 'GET /room/{id}/events', made);
  first.end();
  second.end();
  await ask(other, 'DELETE /room/{id}', made);
  await ask(owner, 'DELETE /room/{id}', made);
});

test('what is said and sent is answered as it is described', async () => {
  const owner = new Program(server);
  const id = await owner.room();
  const say = 'POST /room/{id}/chat';
  for (const wish of [
    { json: { chat: 'hello', key: 'k' } }, { form: 'chat=hello' }, { form: 'hello' }, { text: 'hello' },
    parts({ chat: 'hello' }),
  ]) assert.equal((await ask(owner, say, { id }, wish)).chat, 'hello');
  await ask(owner, say, { id }, { form: 'chat=hello', headers: PAGE });
  await ask(owner, say, { id }, { text: 'x'.repeat(70_000) });
  await ask(owner, say, { id }, { text: '<a/>', headers: { 'content-type': 'application/xml' } });
  assert.equal((await ask(owner, say, { id }, { json: { chat: '' } })).code, 'empty');
  assert.equal((await ask(owner, say, { id }, { json: { chat: 'x'.repeat(2001) } })).code, 'too-long');
  const send = 'POST /room/{id}/gif';
  const sent = await ask(owner, send, { id }, image(gif, { chat: 'a caption' }));
  await ask(owner, send, { id }, { ...image(gif), headers: PAGE });
  await ask(owner, send, { id }, image(padded(2000)));
  await ask(owner, send, { id }, image(Buffer.from('no image')));
  await ask(owner, send, { id }, parts({ chat: 'no image' }));
  await ask(owner, 'GET /gif/{name}', { name: sent.gif });
  await ask(owner, 'GET /gif/{name}', { name: 'x.gif' });
  const locked = await owner.room({ password: 'sesame' });
  const secret = await ask(owner, send, { id: locked }, image(gif));
  await ask(new Program(server), 'GET /gif/{name}', { name: secret.gif });
  for (const query of ['', '?limit=2', '?after=3', '?before=3']) {
    const { chats } = await ask(owner, 'GET /room/{id}/chats', { id }, { query });
    assert.ok(chats.length > 0);
  }
  await ask(owner, 'GET /room/{id}/chats', { id }, { query: '?before=1&after=1' });
  await ask(owner, 'GET /room/{id}/events', { id }, { query: '?after=0' });
});

test('the owner does what is described', async () => {
  const owner = new Program(server);
  const id = await owner.room();
  const guest = await listener(id);
  const listed = await ask(owner, 'GET /room/{id}/occupants', { id });
  const { uid } = listed.occupants.find((/** @type {any} */ one) => one.kind === 'anonymous');
  const [kick, handOver] = ['POST /room/{id}/kick', 'POST /room/{id}/owner'];
  for (const operation of [kick, handOver]) {
    await ask(new Program(server), operation, { id }, { json: { uid } });
    await ask(owner, operation, { id }, { json: { uid: 'nobody' } });
    await ask(owner, operation, { id }, { json: { uid: NOBODY } });
  }
  await ask(owner, kick, { id }, { json: { uid } });
  const again = await listener(id);
  await ask(owner, kick, { id }, { form: form({ uid: again.uid, ban: 'true' }), headers: PAGE });
  const { bans } = await ask(owner, 'GET /room/{id}/bans', { id });
  assert.deepEqual(bans.map((/** @type {any} */ one) => one.uid), [again.uid]);
  const ban = { id, uid: again.uid };
  for (const operation of ['GET /room/{id}/bans', 'DELETE /room/{id}/bans/{uid}']) {
    await ask(new Program(server), operation, ban);
    await ask(owner, operation, { ...ban, ...NOWHERE });
  }
  await ask(owner, 'DELETE /room/{id}/bans/{uid}', ban);
  const heirs = [await listener(id), await listener(await owner.room())];
  await ask(owner, handOver, { id }, { json: { uid: heirs[0]?.uid } });
  const other = heirs[1];
  await ask(owner, handOver, { id: other?.room ?? '' }, { form: form({ uid: other?.uid ?? '' }), headers: PAGE });
  for (const one of [guest, again, ...heirs]) one.end();
});

test('what is too often or too much is answered as it is described', async () => {
  const owner = new Program(strict);
  const id = await owner.room({ password: 'sesame' });
  /** Asks until each of these answers came. @param {string} operation @param {any} wish @param {number[]} statuses */
  const press = (operation, wish, ...statuses) => until(async () => {
    await ask(owner, operation, { id }, wish());
    return statuses.every((status) => api.seen.has(`${operation} ${status}`));
  }, `${operation}: ${statuses}`);
  await press('POST /room/{id}/chat', () => ({ json: { chat: 'at once' } }), 429);
  await press('POST /room/{id}/gif', () => image(gif), 429);
  await press('POST /room/{id}/enter', () => ({ json: { password: 'guess' } }), 429);
  await press('POST /room', () => ({ json: { title: 'many', keep: true } }), 429, 409);
});

test('what machines ask is answered as it is described', async () => {
  const program = new Program(server);
  for (const path of ['/healthz', '/readyz', '/metrics', '/api/openapi.json', '/api/asyncapi.json']) {
    await ask(program, `GET ${path}`, {});
  }
  await ask(program, 'GET /metrics', {}, { headers: { 'x-forwarded-for': '203.0.113.7' } });
  const page = await ask(program, 'GET /help', {}, { headers: PAGE });
  const [, hash, name] = /\/assets\/(\w+)\/(main\.css)/.exec(page) ?? [];
  const tag = { 'if-none-match': `W/"${hash}"` };
  for (const headers of [{}, tag]) {
    await ask(program, 'GET /assets/{hash}/{name}', { hash: hash ?? '', name: name ?? '' }, { headers });
    await ask(program, 'GET /favicon.ico', {}, { headers });
  }
  await ask(program, 'GET /assets/{hash}/{name}', { hash: 'x', name: 'y.css' });
  await ask(program, 'GET /mqtt', {});
  const foreign = await upgrade({ origin: 'http://evil.example' });
  assert.deepEqual([await upgrade({}), foreign], [101, 403]);
  for (const status of [101, 403]) api.seen.add(`GET /mqtt ${status}`);
});

test('nothing is described that did not happen', () => {
  assert.deepEqual([...api.promises()].filter((promise) => !api.seen.has(promise)), []);
});

test('cards, events and values are as the AsyncAPI document says, on its channels', async () => {
  /** @type {Record<string, RegExp>} the channels' addresses */
  const channels = {};
  for (const [name, { address }] of Object.entries(/** @type {Record<string, any>} */ (asyncapi.channels))) {
    const places = address.replaceAll('$', '\\$').replace('{name}', '.+').replace(/\{\w+\}/g, '[0-9a-z]+');
    channels[name] = new RegExp(`^${places}$`);
  }
  /** @type {Set<string>} */
  const seen = new Set();
  /** @param {string} topic @param {Buffer} payload */
  const judge = (topic, payload) => {
    const channel = Object.keys(channels).find((name) => channels[name]?.test(topic)) ?? '';
    const operation = Object.values(/** @type {any} */ (asyncapi.operations)).find(
      ({ action, channel: { $ref } }) => action === 'send' && $ref === `#/channels/${channel}`,
    );
    assert.ok(operation, `${topic} is not described`);
    const text = payload.toString();
    const verdicts = operation.messages.map(({ $ref = '' }) => {
      const last = (/** @type {string} */ path) => path.split('/').at(-1) ?? '';
      const name = last($ref);
      const message = asyncapi.components.messages[last(asyncapi.channels[channel].messages[name].$ref)];
      const isJson = (message.contentType ?? asyncapi.defaultContentType) === 'application/json';
      if (isJson && !text) return 'empty';
      const value = isJson ? JSON.parse(text) : text;
      const fault = api.fault(JSON.parse(JSON.stringify(message.payload).replaceAll('openapi.json#', '#')), value);
      if (fault === null) seen.add(`${channel} ${name}${isJson && channel === 'chat' ? ` ${value.to ? 'whisper' : value.gif ? 'image' : value.type}` : ''}`);
      return fault;
    });
    assert.ok(verdicts.includes(null), `${topic}: ${verdicts}`);
  };

  const { tcp, websocket } = asyncapi.servers;
  const owner = new Program(server);
  const room = await owner.room({ max: 10, keep: false });
  const host = await mqtt.connectAsync(`${tcp.protocol}://${tcp.host}`, { protocolVersion: 5, clientId: 'host' });
  /** @type {unknown[]} */
  const faults = [];
  host.on('message', (topic, payload) => {
    try { judge(topic, payload); } catch (fault) { faults.push(fault); }
  });
  await host.subscribeAsync(['rooms/+', `chat/${room}`, '$SYS/broker/#'], { qos: 1 });
  const guest = await mqtt.connectAsync(`${websocket.protocol}://${websocket.host}${websocket.pathname}`, { protocolVersion: 5, clientId: 'guest' });
  await guest.subscribeAsync(`chat/${room}`);
  // What clients say is as described too: an object, a text, an image.
  const draft = { chat: 'an object', key: 'k' };
  assert.equal(api.fault({ $ref: '#/components/schemas/Draft' }, draft), null);
  for (const payload of [JSON.stringify(draft), 'a text', gif]) await guest.publishAsync(`chat/${room}`, payload, { qos: 1 });
  const people = /** @type {any} */ (await (await owner.ask('GET', `/room/${room}/occupants`)).json()).occupants;
  for (const { uid } of people) await guest.publishAsync(`chat/${room}/to/${uid}`, 'psst', { qos: 1 });
  const [first, second] = people;
  const leaver = await listener(room);
  leaver.end();
  await owner.json('POST', `/room/${room}/owner`, { uid: first.uid });
  await guest.endAsync();
  // A room of another owner, for the kick: owning has been handed over here.
  const other = await owner.room({ keep: false });
  await host.subscribeAsync(`chat/${other}`, { qos: 1 });
  const put = await listener(other);
  await owner.json('POST', `/room/${other}/kick`, { uid: put.uid });
  await owner.ask('DELETE', `/room/${other}`);
  const wanted = ['card card', 'card gone', 'status value',
    ...['chat', 'image', 'whisper', 'join', 'exit', 'owner', 'kick', 'removeRoom'].map((kind) => `chat event ${kind}`)].sort();
  await until(() => faults.length > 0 || wanted.every((one) => seen.has(one)), null);
  await host.endAsync();
  assert.ok(second);
  assert.deepEqual(faults, []);
  assert.deepEqual([...seen].sort(), wanted);
});

test('the examples that both halves of the program read are as it is described', () => {
  for (const name of readdirSync(new URL('tests/wire/', root)).filter((name) => name.endsWith('.json'))) {
    const schema = { $ref: `#/components/schemas/${name.startsWith('card') ? 'Card' : 'Event'}` };
    assert.equal(api.fault(schema, JSON.parse(read(`tests/wire/${name}`))), null, name);
  }
});

/** Somebody in a room, over MQTT. @param {string} room */
async function listener(room) {
  const owner = new Program(server);
  const before = await occupants(owner, room);
  const client = await mqtt.connectAsync(`mqtt://${server.mqtt}`, { protocolVersion: 5, reconnectPeriod: 0 });
  await client.subscribeAsync(`chat/${room}`);
  const [uid = ''] = (await occupants(owner, room)).filter((one) => !before.includes(one));
  return { room, uid, end: () => client.end() };
}

/** @param {Program} who @param {string} room @returns {Promise<string[]>} */
async function occupants(who, room) {
  const listed = /** @type {any} */ (await (await who.ask('GET', `/room/${room}/occupants`)).json());
  return listed.occupants.map((/** @type {any} */ one) => one.uid);
}

/** The status of an upgrade to WebSocket. @param {Record<string, string>} headers */
function upgrade(headers) {
  const key = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version': '13', 'sec-websocket-protocol': 'mqtt' };
  const wish = { headers: { connection: 'upgrade', upgrade: 'websocket', ...key, ...headers } };
  return new Promise((resolve, reject) => {
    const asked = request(`${server.url}/mqtt`, wish, (response) => resolve(response.resume().statusCode));
    asked.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}
