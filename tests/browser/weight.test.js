// @ts-check
// What a browser fetches to show a page for the first time.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './harness/stage.js';

const scene = stage();

/** Bytes of all answers' bodies, as they are sent, without images. */
const MOST = 100_000;

test('a first visit fetches less than 100 kB', async () => {
  const host = await scene.browser.person(scene.server.url);
  const room = await host.create('Light');
  for (const path of ['', `/room/${room}`]) {
    const guest = await scene.browser.person('about:blank');
    /** @type {import('playwright-core').Request[]} */
    const done = [];
    guest.page.on('requestfinished', (request) => done.push(request));
    await guest.page.goto(`${scene.server.url}${path}`, { waitUntil: 'networkidle' });
    if (path) await guest.isIn();
    const sizes = await Promise.all(done.map(async (request) => (await request.sizes()).responseBodySize));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(sizes.length > 3 && bytes > 10_000, `${path}: ${sizes}`);
    assert.ok(bytes < MOST, `${path}: ${bytes} bytes`);
  }
});
