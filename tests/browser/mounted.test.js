// @ts-check
// Parlor under a path of another site's, behind a proxy that ends TLS: everything works there, and
// nothing is asked for anywhere else.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Gateway } from './harness/gateway.js';
import { file } from './harness/images.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';

const BASE = '/a/chat';
const scene = stage({ PARLOR_SERVER__BASE_PATH: BASE, PARLOR_SERVER__TRUSTED_PROXIES: '127.0.0.1' });

/** Somebody at the site. @param {Gateway} gateway */
async function visitor(gateway) {
  const person = await scene.browser.person(`${gateway.url}/`, { ignoreHTTPSErrors: true });
  person.origin = gateway.url;
  return person;
}

for (const strips of [false, true]) {
  test(`a site passes its path on ${strips ? 'without' : 'with'} ours in it`, async (context) => {
    const gateway = await Gateway.before(scene.server, BASE, strips);
    context.after(() => gateway.remove());
    const host = await visitor(gateway);
    const [cookie] = await host.context.cookies();
    assert.deepEqual([cookie?.path, cookie?.secure, cookie?.httpOnly], [BASE, true, true]);

    const room = await host.create('Under a path');
    assert.equal(host.page.url(), `${gateway.url}/room/${room}`);
    const guest = await visitor(gateway);
    await guest.page.locator(`[data-room="${room}"] a`).click();
    await guest.isIn();
    await guest.say('over WebSocket');
    await becomes(() => host.said(), ['over WebSocket']);
    await host.page.locator('#file').setInputFiles(file('dot.gif'));
    await host.sendChosen();
    const picture = guest.page.locator('#messages .picture img');
    await picture.waitFor();
    await becomes(() => picture.evaluate((image) => /** @type {HTMLImageElement} */ (image).naturalWidth), 1);

    gateway.knowsWebSocket = false;
    const third = await visitor(gateway);
    await third.page.goto(`${gateway.url}/room/${room}`);
    await becomes(() => third.page.locator('#connection').textContent(), 'Live over HTTP');
    await third.say('over HTTP');
    await becomes(() => host.said(), ['over WebSocket', 'over HTTP']);
    gateway.knowsWebSocket = true;

    await guest.page.goto(`${gateway.url}/room/${room}/help`);
    const line = await guest.page.locator('#say').textContent();
    assert.equal(line, `curl -d 'build failed' ${gateway.url}/room/${room}/chat`);
    assert.match((await guest.page.locator('#node').textContent()) ?? '', /wss:\/\/localhost:\d+\/a\/chat\/mqtt/);
    await guest.page.getByRole('link', { name: /OpenAPI/ }).click();
    await guest.page.getByRole('link', { name: /OpenAPI/ }).click();
    const { servers } = JSON.parse((await guest.page.locator('body').textContent()) ?? '');
    assert.deepEqual(servers, [{ url: gateway.url }]);

    // Without a script, by forms and what they lead to.
    const headers = { accept: 'text/html', origin: gateway.origin };
    const form = { title: 'By form', max: '5', password: 'sesame', keep: 'true' };
    const made = await host.context.request.post(`${gateway.url}/room`, { headers, form, maxRedirects: 0 });
    const address = made.headers()['location'] ?? '';
    assert.match(address, /^\/a\/chat\/room\/\w+$/);
    const door = await guest.context.request.get(gateway.origin + address, { headers });
    assert.match(await door.text(), new RegExp(`action="${address}/enter"`));
    const evil = { accept: 'application/json', origin: 'https://evil.example' };
    assert.equal((await host.context.request.post(`${gateway.url}/room`, { headers: evil, form })).status(), 403);

    await host.page.getByRole('button', { name: 'Leave' }).click();
    await host.page.waitForURL(`${gateway.url}/`);
    assert.deepEqual(gateway.strays, []);
  });
}
