// @ts-check
// Every line of the help pages does what it says: taken from the page, run by a shell.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';

import { gif } from './harness/images.js';
import { Program } from './harness/program.js';
import { stage } from './harness/stage.js';
import { becomes, until } from './harness/wait.js';

const scene = stage({ PARLOR_MQTT__SYS_INTERVAL_MS: '200' });
const PASSWORD = 'a "b" $c & é';

const root = resolve(import.meta.dirname, '../..');
const place = mkdtempSync(join(tmpdir(), 'parlor-help-'));
writeFileSync(join(place, 'picture.png'), gif);
symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
// What the lines install is here already.
mkdirSync(join(place, 'bin'));
for (const tool of ['npm', 'pip']) writeFileSync(join(place, 'bin', tool), '#!/bin/sh\n', { mode: 0o755 });
const PATH = [join(place, 'bin'), join(root, '.venv/bin'), process.env['PATH']].join(':');

/** @type {Set<Running>} */
const running = new Set();
after(() => {
  for (const one of running) one.end();
  rmSync(place, { recursive: true, force: true });
});

/** A shell at work, with all that it starts. */
class Running {
  said = '';
  /** @type {number | null} */
  status = null;
  #shell;

  /** @param {string} line */
  constructor(line) {
    // A group of its own: a line may be several processes.
    this.#shell = spawn('bash', ['-c', line], { cwd: place, env: { PATH, HOME: place }, detached: true });
    running.add(this);
    for (const stream of [this.#shell.stdout, this.#shell.stderr]) {
      stream.on('data', (text) => (this.said += text));
    }
    this.#shell.on('exit', (status, signal) => {
      this.status = status ?? (signal ? 128 : 0);
      running.delete(this);
    });
    // A line that reads nothing may have ended before.
    this.#shell.stdin.on('error', () => {});
    this.#shell.stdin.end(`${PASSWORD}\n`);
  }

  /** Ctrl+C. */
  end() {
    if (this.status === null && this.#shell.pid) process.kill(-this.#shell.pid, 'SIGINT');
  }

  /** @param {string} text */
  async says(text) {
    await until(() => this.said.includes(text) || this.status !== null, `${text} in ${this.said}`);
    assert.ok(this.said.includes(text), `${text} in ${this.said}`);
  }

  /** The end of a line that ends by itself: what it said. */
  async done() {
    await until(() => this.status !== null, 'the end of the line');
    assert.equal(this.status, 0, this.said);
    return this.said;
  }
}

/**
 * The lines of a page, by their ids, and the page.
 * @param {string} path
 * @param {string} [language]
 */
async function lines(path, language = 'en') {
  const headers = { accept: 'text/html', 'accept-language': language };
  const page = await (await fetch(`${scene.server.url}${path}`, { headers })).text();
  const plain = (/** @type {string} */ text) =>
    text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
      .replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  const found = [...page.matchAll(/<code id="([^"]+)" data-line>([^<]*)<\/code>/g)];
  return { page, all: new Map(found.map(([, id = '', line = '']) => [id, plain(line)])) };
}

/** What was said in a room. @param {Program} owner @param {string} room */
async function log(owner, room) {
  const answer = await owner.ask('GET', `/room/${room}/chats`);
  return /** @type {any} */ (await answer.json()).chats.filter((/** @type {any} */ it) => it.type === 'chat');
}

for (const password of ['', PASSWORD]) {
  test(`the lines of ${password ? 'a locked' : 'an open'} room work as they stand`, async () => {
    const owner = new Program(scene.server);
    const room = await owner.room({ password, max: 20 });
    const { page, all } = await lines(`/room/${room}/help`);
    assert.ok(!page.includes(PASSWORD) && !page.includes('$c'), 'no password on the page');
    const tried = new Set();
    // Each line as its own shell would have it: with the password, where it needs one.
    const before = password ? `${all.get('password')}; ` : '';
    const run = (/** @type {string} */ id) => {
      tried.add(id);
      return new Running(`${before}${all.get(id)}`);
    };
    if (password) {
      tried.add('password');
      await run('enter').done();
    }
    const event = async (/** @type {string} */ id) => {
      const [json = ''] = /^{.*}$/m.exec(await run(id).done()) ?? [];
      return JSON.parse(json);
    };
    assert.equal((await event('say')).chat, 'build failed');
    assert.equal((await event('say-form')).chat, '50 % & more');
    const first = await event('say-json');
    assert.deepEqual([first.chat, first.key], ['build 42 failed', 'build-42']);
    const sent = await event('upload');
    assert.equal(sent.chat, 'the garden at noon');
    assert.equal((await owner.ask('GET', `/gif/${sent.gif}`)).status, 200);
    assert.match(await run('read').done(), /build 42 failed/);

    const heard = ['follow', 'listen'].map(run);
    for (const one of heard) await until(async () => {
      await owner.json('POST', `/room/${room}/chat`, { chat: 'anybody there?' });
      return one.said.includes('anybody there?') || one.status !== null;
    }, null);
    for (const one of heard) await one.says('anybody there?');
    await run('publish').done();
    await run('image').done();
    for (const one of heard) await one.says('door open');
    await becomes(async () => (await log(owner, room)).filter((/** @type {any} */ it) => it.gif).length, 2);
    for (const one of heard) one.end();
    for (const [id, text] of [['node', 'hello from Node'], ['python', 'hello from Python']]) {
      const program = run(/** @type {string} */ (id));
      await program.says(`"${text}"`);
      program.end();
    }
    assert.deepEqual([...all.keys()].sort(), [...tried].sort(), 'every line of the page was run');
    assert.deepEqual([...(await lines(`/room/${room}/help`, 'ko')).all], [...all], 'the same in Korean');
  });
}

test('the lines of the server find rooms, make them and watch them', async () => {
  const { all } = await lines('/help');
  const owner = new Program(scene.server);
  const room = await owner.room({ title: 'To be found' });
  const run = (/** @type {string} */ id) => new Running(all.get(id) ?? '');
  assert.match(await run('rooms').done(), /"To be found"/);
  const card = JSON.parse(await run('create').done());
  assert.deepEqual([card.title, card.max], ['Build log', 20]);
  const [directory, watch] = [run('directory'), run('watch')];
  await directory.says(`rooms/${room} {`);
  await until(async () => {
    await owner.json('POST', `/room/${room}/chat`, { chat: 'watched' });
    return watch.said.includes(`chat/${room} {`) || watch.status !== null;
  }, 'what is said, watched');
  for (const one of [directory, watch]) one.end();
  assert.deepEqual([...all.keys()].sort(), ['create', 'directory', 'rooms', 'watch']);
});

test('the page is found from the room, and copies its lines', async () => {
  const host = await scene.browser.person(scene.server.url);
  const room = await host.create('Helped');
  await host.page.locator('#device summary').click();
  await host.page.locator('#help').click();
  await host.page.waitForURL(`**/room/${room}/help`);
  await host.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await host.page.getByRole('button', { name: 'Copy: Say something' }).first().click();
  await host.sees('Copied');
  const copied = await host.page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, `curl -d 'build failed' ${scene.server.url}/room/${room}/chat`);
  const footer = await scene.browser.person(scene.server.url);
  await footer.page.locator('footer').getByRole('link', { name: 'Help' }).click();
  await footer.page.getByRole('heading', { name: 'Limits' }).waitFor();
});

test('curl -d says what it is given, to the letter', async () => {
  const owner = new Program(scene.server);
  const room = await owner.room();
  const address = `${scene.server.url}/room/${room}/chat`;
  const texts = [
    'build failed', 'a=b', 'temp=21.5&door=open', 'key=value', '=', '&', '100%', '50%25 + 1', '한글 문장입니다 🎈',
    '이름=값&상태=열림', 'chats=1', 'we chat=here', '{"temp":21.5}', 'مرحبا', '-',
  ];
  for (const text of texts) {
    const said = await new Running(`curl -sS -d ${quoted(text)} ${address}`).done();
    assert.equal(JSON.parse(said).chat, text);
  }
  const form = await new Running(`curl -sS -H 'accept: application/json' -d 'chat=a%26b+c' ${address}`).done();
  assert.equal(JSON.parse(form).chat, 'a&b c');
  const json = await new Running(`curl -sS --json '{"chat":"a=b&c","key":"k"}' ${address}`).done();
  assert.equal(JSON.parse(json).chat, 'a=b&c');
  const piped = await new Running(`printf 'one\\ntwo\\n' | curl -sS --data-binary @- ${address}`).done();
  assert.equal(JSON.parse(piped).chat, 'one\ntwo');
  const empty = await new Running(`curl -sS -d '' ${address}`).done();
  assert.equal(JSON.parse(empty).code, 'empty');
  const nowhere = await new Running(`curl -sS -d hello ${scene.server.url}/room/000000000000/chat`).done();
  assert.equal(JSON.parse(nowhere).code, 'no-such-room');
  const said = (await log(owner, room)).map((/** @type {any} */ event) => event.chat);
  assert.deepEqual(said, [...texts, 'a&b c', 'a=b&c', 'one\ntwo']);
});

/** For a shell. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
