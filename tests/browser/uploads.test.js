// @ts-check
// Images by button, by drop and by paste.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { file, gif, padded } from './harness/images.js';
import { stage } from './harness/stage.js';
import { becomes } from './harness/wait.js';
import { Wire } from './harness/wire.js';

const scene = stage();

/**
 * Dispatches an event that carries a file, as a drop or a paste does.
 * @param {import('playwright-core').Page} page
 * @param {string} selector
 * @param {'drop' | 'paste'} kind
 * @param {Buffer} bytes
 */
function give(page, selector, kind, bytes) {
  return page.locator(selector).evaluate(
    (target, { kind, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], `${kind}.gif`, { type: 'image/gif' }));
      const options = { bubbles: true, cancelable: true };
      target.dispatchEvent(
        kind === 'drop'
          ? new DragEvent('drop', { ...options, dataTransfer: data })
          : new ClipboardEvent('paste', { ...options, clipboardData: data }),
      );
    },
    { kind, base64: bytes.toString('base64') },
  );
}

/** @param {import('./harness/people.js').Person} person */
const pictures = (person) => person.page.locator('#messages .picture img').count();

test('an image is chosen, dropped or pasted, and everybody sees it', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const guest = await browser.person(server.url);
  const room = await host.create('Album');
  await guest.enter(room);

  const choosing = host.page.waitForEvent('filechooser');
  await host.page.getByRole('button', { name: 'Attach an image' }).click();
  await (await choosing).setFiles(file('button.gif'));
  await becomes(() => pictures(guest), 1);
  await give(host.page, '#conversation', 'drop', gif);
  await becomes(() => pictures(guest), 2);
  await give(host.page, '#chat', 'paste', gif);
  await becomes(() => pictures(guest), 3);
  // The same file again.
  await host.page.locator('#file').setInputFiles(file('button.gif'));
  await becomes(() => pictures(guest), 4);
  await host.isSent();
  await becomes(() => pictures(host), 4, 'its author sees each once');

  const image = guest.page.locator('#messages .picture img').first();
  await becomes(() => image.evaluate((img) => /** @type {HTMLImageElement} */ (img).naturalWidth), 1);
  await image.click();
  await guest.page.locator('#viewer[open]').waitFor();
});

test('an upload shows how far it is, and can be cancelled', async () => {
  const { server, browser } = scene;
  const wire = await Wire.to(server);
  const host = await browser.person(wire.url);
  await host.create('Slow upload');
  wire.hold();
  await host.page.locator('#file').setInputFiles(file('large.gif', padded(3_000_000)));
  const progress = host.page.getByRole('progressbar', { name: 'large.gif' });
  await progress.waitFor();
  await host.sees('Uploading large.gif');
  wire.release();
  await host.isSent();
  await becomes(() => pictures(host), 1);

  wire.hold();
  await host.page.locator('#file').setInputFiles(file('second.gif', padded(3_000_000)));
  await host.page.locator('#outbox').getByRole('button', { name: 'Cancel' }).click();
  await host.isSent();
  wire.release();
  await becomes(() => pictures(host), 1);
  wire.remove();
});

test('what cannot be sent is said on the page', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const room = await host.create('No such image');
  const note = host.page.locator('#composer-note.fault');
  const text = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('text') };
  await host.page.locator('#file').setInputFiles(text);
  await becomes(async () => (await note.textContent())?.includes('notes.txt'), true);
  await host.page.locator('#file').setInputFiles(file('huge.gif', padded(5 * 2 ** 20 + 1)));
  await becomes(async () => (await note.textContent())?.includes('huge.gif'), true);
  // It says that it is an image, and is none: only the server can tell.
  await host.page.locator('#file').setInputFiles(file('page.gif', Buffer.from('<html>')));
  const fault = host.page.locator('#outbox .send-fault');
  await becomes(async () => (await fault.textContent())?.includes('page.gif'), true);
  await fault.getByRole('button', { name: 'Discard' }).click();
  await host.isSent();
  const { chats } = await host.json(`/room/${room}/chats`);
  assert.ok(chats.every((/** @type {{ type: string }} */ { type }) => type === 'join'));
});
