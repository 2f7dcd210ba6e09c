// @ts-check
// Behind a real nginx, with the configuration of deploy/.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import mqtt from 'mqtt';

import { gif, padded } from './harness/images.js';
import { Program } from './harness/program.js';
import { Server, endStore } from './harness/server.js';
import { until } from './harness/wait.js';

const PATH = `${process.env['PATH']}:/usr/sbin`;
const deploy = resolve(import.meta.dirname, '../../deploy');
const home = mkdtempSync(join(tmpdir(), 'parlor-nginx-'));

/** @type {Server} */
let server;
/** @type {import('node:child_process').ChildProcess} */
let nginx;
let url = '';

before(async () => {
  server = await Server.start({ PARLOR_SERVER__BASE_PATH: '/chat', PARLOR_SERVER__TRUSTED_PROXIES: '127.0.0.1' });
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, 'close');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${home}/${name};`);
  const site = readFileSync(join(deploy, 'nginx.conf'), 'utf8').replace('127.0.0.1:8005', server.http);
  writeFileSync(join(home, 'nginx.conf'), `
    daemon off; pid ${home}/pid; error_log stderr warn;
    events {}
    http {
      access_log off; ${temporary.join(' ')}
      ${readFileSync(join(deploy, 'nginx-http.conf'), 'utf8')}
      server { listen 127.0.0.1:${port}; ${site} }
    }`);
  nginx = spawn('nginx', ['-p', home, '-c', join(home, 'nginx.conf')], { env: { PATH }, stdio: ['ignore', 'ignore', 'inherit'] });
  url = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${url}/chat/healthz`).then(({ ok }) => ok, () => false), 'nginx');
});
after(async () => {
  nginx?.kill('SIGTERM');
  await server?.remove();
  await endStore();
  rmSync(home, { recursive: true, force: true });
});

test('behind nginx the pages, WebSocket, events and uploads work under the path', async () => {
  const program = new Program({ url });
  const bare = await program.ask('GET', '/chat');
  assert.deepEqual([bare.status, new URL(bare.headers.get('location') ?? '', url).pathname], [308, '/chat/']);
  const page = await (await program.ask('GET', '/chat/help', { headers: { accept: 'text/html' } })).text();
  assert.ok(page.includes(`curl -s -H &#39;accept: application/json&#39; ${url}/chat/`), page);
  const [, assets = ''] = /"(\/chat\/assets\/[^"]+main\.css)"/.exec(page) ?? [];
  assert.equal((await program.ask('GET', assets)).status, 200);

  // A page's own origin is the one that the browser sees; no other.
  const made = await program.json('POST', '/chat/room', { title: 'behind nginx', keep: true });
  assert.equal(made.status, 201);
  const address = made.headers.get('location') ?? '';
  assert.match(address, /^\/chat\/room\/\w+$/);
  const from = async (/** @type {string} */ origin) =>
    (await program.ask('POST', `${address}/chat`, { headers: { origin, 'content-type': 'text/plain' }, body: 'hello' })).status;
  assert.deepEqual([await from(url), await from('http://127.0.0.1:1')], [201, 403]);

  const client = await mqtt.connectAsync(`${url.replace('http', 'ws')}/chat/mqtt`, { protocolVersion: 5 });
  const heard = new Promise((resolve) => client.on('message', (_, payload) => resolve(JSON.parse(payload.toString()))));
  await client.subscribeAsync(`chat/${address.split('/').at(-1)}`);
  // Each event comes as it happens: the stream is open and never ends by itself.
  const stream = await program.ask('GET', `${address}/events`);
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  await program.ask('POST', `${address}/chat`, { headers: { 'content-type': 'text/plain' }, body: 'live' });
  let said = '';
  while (!said.includes('"live"')) said += (await reader?.read())?.value ?? '';
  await reader?.cancel();
  assert.ok(await heard);
  await client.endAsync();

  const send = (/** @type {number} */ bytes) => {
    const body = new FormData();
    body.append('gif', new Blob([new Uint8Array(padded(bytes))]), 'picture.gif');
    return program.ask('POST', `${address}/gif`, { body });
  };
  const sent = await send(4 << 20);
  assert.equal(sent.status, 201, 'larger than what nginx takes by itself');
  const { gif: name } = /** @type {any} */ (await sent.json());
  const stored = await (await program.ask('GET', `/chat/gif/${name}`)).arrayBuffer();
  assert.deepEqual(Buffer.from(stored), gif, 'without what followed the picture');
  const refused = await send(6 << 20);
  assert.deepEqual([refused.status, /** @type {any} */ (await refused.json()).code], [413, 'too-large']);
});
