// @ts-check
// What every answer says of itself: what a browser may do with it, who may keep it, and how long.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { gif } from './harness/images.js';
import { Program } from './harness/program.js';
import { Server, endStore } from './harness/server.js';

/** @type {Server} */
let server;
before(async () => (server = await Server.start()));
after(async () => {
  await server?.remove();
  await endStore();
});

const PAGE = { accept: 'text/html' };

/** One address of each kind, with what may be done with its answer. */
async function addresses() {
  const owner = new Program(server);
  const room = await owner.room();
  const locked = await owner.room({ password: 'sesame' });
  const parts = new FormData();
  parts.append('gif', new Blob([new Uint8Array(gif)]), 'picture.gif');
  const sent = await owner.ask('POST', `/room/${room}/gif`, { body: parts });
  const image = `/gif/${/** @type {any} */ (await sent.json()).gif}`;
  const page = await (await owner.ask('GET', '/', { headers: PAGE })).text();
  const files = [...page.matchAll(/"(\/assets\/[^"#]+)/g)].map(([, path = '']) => path);
  const pages = ['/', '/room', `/room/${room}`, `/room/${locked}`, '/help', `/room/${room}/help`, '/api', '/nowhere'];
  const data = [`/room/${room}/chats`, `/room/${room}/occupants`, '/api/openapi.json', '/healthz', '/metrics'];
  return { owner, room, image, files: [...new Set(files)], pages, data };
}

test('nothing may be done with an answer but what a page needs, and nobody keeps what is private', async () => {
  const { owner, image, files, pages, data } = await addresses();
  const stranger = new Program(server);
  assert.ok(files.length > 5);
  for (const path of [...pages, ...data, ...files, image]) {
    for (const who of [owner, stranger]) {
      const { headers } = await who.ask('GET', path, { headers: pages.includes(path) ? PAGE : {} });
      const policy = headers.get('content-security-policy') ?? '';
      const wanted = path === image ? ["sandbox", "default-src 'none'"]
        : ["default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"];
      for (const part of wanted) assert.ok(policy.split('; ').includes(part), `${path}: ${policy}`);
      assert.ok(!/unsafe|http|\*/.test(policy), `${path}: ${policy}`);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(headers.get('referrer-policy'), 'same-origin', path);
      assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin', path);
      assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', path);
      assert.equal(headers.get('server'), null, path);
      const kept = files.includes(path) ? 'public, max-age=31536000, immutable'
        : path === image ? 'private, max-age=86400, immutable' : 'no-store';
      assert.equal(headers.get('cache-control'), kept, path);
      if (kept === 'no-store') assert.match(headers.get('vary') ?? '', /cookie/, path);
      const cookie = headers.get('set-cookie');
      if (cookie) assert.match(cookie, /HttpOnly/);
      if (files.includes(path)) assert.equal(cookie, null, path);
    }
  }
});

test('what is text is compressed, and what flows or is small already is not', async () => {
  const { owner, room, image, files } = await addresses();
  const encoding = async (/** @type {string} */ path, /** @type {Record<string, string>} */ headers = {}) => {
    const answer = await owner.ask('GET', path, { headers: { 'accept-encoding': 'gzip', ...headers } });
    await answer.body?.cancel();
    return answer.headers.get('content-encoding');
  };
  for (const path of files) assert.equal(await encoding(path), 'gzip', path);
  assert.equal(await encoding('/', PAGE), 'gzip');
  assert.equal(await encoding(`/room/${room}/events`), null);
  assert.equal(await encoding(image), null);
  assert.equal(await encoding(files[0] ?? '', { 'accept-encoding': 'identity' }), null);
});

test('a file that is known is not sent again', async () => {
  const { owner, files } = await addresses();
  for (const path of [...files, '/favicon.ico']) {
    const tag = (await owner.ask('GET', path)).headers.get('etag') ?? '';
    const again = await owner.ask('GET', path, { headers: { 'if-none-match': tag } });
    assert.deepEqual([again.status, await again.text()], [304, ''], path);
    const other = await owner.ask('GET', path, { headers: { 'if-none-match': '"other"' } });
    assert.equal(other.status, 200, path);
  }
});

test('a form that is refused keeps what was typed, and says the limit', async () => {
  const strict = await Server.start({ PARLOR_ROOMS__MAX: '1', PARLOR_LIMITS__PUBLISH_PER_S: '50' });
  try {
    const owner = new Program(strict);
    const room = await owner.room();
    const send = async (/** @type {string} */ path, /** @type {Record<string, string>} */ fields, /** @type {string} */ language) => {
      const headers = { ...PAGE, 'accept-language': language, 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await owner.ask('POST', path, { headers, body: new URLSearchParams(fields).toString() });
      return { status: answer.status, page: await answer.text() };
    };
    const full = { title: 'Kept <title>', max: '7', password: 'sesame', keep: 'true' };
    for (const [language, why] of [['en', 'There are too many rooms already.'], ['ko', '방이 이미 너무 많습니다.']]) {
      const { status, page } = await send('/room', full, language ?? '');
      assert.equal(status, 409);
      for (const part of [why ?? '', 'value="Kept &#60;title&#62;"', 'value="7"', 'value="true" checked']) {
        assert.ok(page.includes(part), `${part} in ${page}`);
      }
      assert.ok(!page.includes('sesame'), 'a password is not sent back');
    }
    const faulty = await send('/room', { title: 'x'.repeat(101), max: '1001', password: 'y'.repeat(129) }, 'en');
    assert.equal(faulty.status, 422);
    for (const rule of ['1 to 100 characters', '2 to 1000', 'at most 128 characters']) {
      assert.ok(faulty.page.includes(rule), `${rule} in ${faulty.page}`);
    }
    const long = 'z'.repeat(2001);
    for (const [language, rule] of [['en', 'at most 2000 characters'], ['ko', '2000자까지']]) {
      const { status, page } = await send(`/room/${room}/chat`, { chat: long }, language ?? '');
      assert.equal(status, 422);
      assert.ok(page.includes(rule ?? '') && page.includes(long), page);
    }
    const closed = await send('/room/000000000000/chat', { chat: 'written for nothing' }, 'en');
    assert.equal(closed.status, 404);
    assert.ok(closed.page.includes('written for nothing'), closed.page);
    const form = await (await owner.ask('GET', '/room', { headers: PAGE })).text();
    for (const rule of ['1 to 100 characters', '2 to 1000', 'At most 128 characters']) assert.ok(form.includes(rule), rule);
    const help = await (await owner.ask('GET', '/help', { headers: PAGE })).text();
    for (const rule of ['2000 characters', '5 MiB', '40 million pixels', '64 KiB', '50 messages a second']) {
      assert.ok(help.includes(rule), rule);
    }
  } finally {
    await strict.remove();
  }
});
