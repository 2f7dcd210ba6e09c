// @ts-check
// Images by button, by drop and by paste.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { file, gif, padded, sized } from './harness/images.js';
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
  await host.sendChosen();
  await becomes(() => pictures(guest), 1);
  await give(host.page, '#conversation', 'drop', gif);
  await host.sendChosen();
  await becomes(() => pictures(guest), 2);
  await give(host.page, '#chat', 'paste', gif);
  await host.sendChosen();
  await becomes(() => pictures(guest), 3);
  // The same file again.
  await host.page.locator('#file').setInputFiles(file('button.gif'));
  await host.sendChosen();
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
  await host.sendChosen();
  const progress = host.page.getByRole('progressbar', { name: 'large.gif' });
  await progress.waitFor();
  await host.sees('Uploading large.gif');
  wire.release();
  await host.isSent();
  await becomes(() => pictures(host), 1);

  wire.hold();
  await host.page.locator('#file').setInputFiles(file('second.gif', padded(3_000_000)));
  await host.sendChosen();
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
  // It says that it is an image, and is none.
  await host.page.locator('#file').setInputFiles(file('page.gif', Buffer.from('<html>')));
  await becomes(async () => (await note.textContent())?.includes('page.gif'), true);
  assert.equal(await host.page.locator('#chosen li').count(), 0);
  // Shown by browsers, and yet not whole: only the server can tell.
  await host.page.locator('#file').setInputFiles(file('cut.gif', gif.subarray(0, -1)));
  await host.sendChosen();
  const fault = host.page.locator('#outbox .send-fault');
  await becomes(async () => (await fault.textContent())?.includes('damaged or cut off'), true);
  await fault.getByRole('button', { name: 'Discard' }).click();
  await host.isSent();
  const { chats } = await host.json(`/room/${room}/chats`);
  assert.ok(chats.every((/** @type {{ type: string }} */ { type }) => type === 'join'));
});

test('an image waits for its text, in a box that is there before it', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url);
  const guest = await browser.person(server.url);
  const room = await host.create('Captions');
  await guest.enter(room);
  const names = ['wide.gif', 'not this one.gif', 'high.gif'];
  const sizes = [sized(640, 320), gif, sized(100, 800)];
  await host.page.locator('#file').setInputFiles(names.map((name, at) => file(name, sizes[at])));
  await host.page.getByRole('button', { name: 'Remove not this one.gif' }).click();
  await becomes(() => host.page.locator('#chosen li').count(), 2);

  // Whoever comes while the pictures are on their way finds their places.
  await guest.page.route('**/gif/*', () => {});
  await host.sendChosen('look at these');
  await becomes(() => pictures(guest), 2);
  const boxes = guest.page.locator('#messages .picture img');
  const size = async (/** @type {number} */ at) => {
    const box = await boxes.nth(at).boundingBox();
    return [Math.round(box?.width ?? 0), Math.round(box?.height ?? 0)];
  };
  assert.deepEqual([await size(0), await size(1)], [[320, 160], [50, 400]]);
  assert.equal(await boxes.first().getAttribute('loading'), 'lazy');
  await guest.page.unroute('**/gif/*');
  await guest.page.reload();
  await becomes(() => boxes.first().evaluate((img) => /** @type {HTMLImageElement} */ (img).naturalWidth), 640);
  assert.deepEqual([await size(0), await size(1)], [[320, 160], [50, 400]], 'the same when they are there');
  const { chats } = await host.json(`/room/${room}/chats`);
  const posted = chats.filter((/** @type {{ gif?: string }} */ { gif }) => gif);
  assert.deepEqual(posted.map((/** @type {{ chat?: string }} */ { chat }) => chat), ['look at these', undefined]);

  // In full, by keyboard alone.
  const viewer = guest.page.locator('#viewer[open] img');
  await guest.page.locator('#messages a.picture').first().focus();
  await guest.page.keyboard.press('Enter');
  await viewer.waitFor();
  const first = await viewer.getAttribute('src');
  await guest.page.keyboard.press('ArrowRight');
  assert.notEqual(await viewer.getAttribute('src'), first);
  await guest.page.keyboard.press('Escape');
  await viewer.waitFor({ state: 'hidden' });
});

test('whoever wants less motion sees a still picture until they click it', async () => {
  const { server, browser } = scene;
  const host = await browser.person(server.url, { reducedMotion: 'reduce' });
  await host.create('Calm');
  await host.page.locator('#file').setInputFiles([file('moves.gif', sized(64, 64, 2)), file('stays.gif')]);
  await host.sendChosen();
  await becomes(() => pictures(host), 2);
  const still = host.page.locator('#messages a.picture.still');
  await becomes(() => still.count(), 1);
  await still.getByText('Play').click();
  await becomes(() => still.count(), 0);
  assert.equal(await host.page.locator('#viewer[open]').count(), 0, 'the first click plays');
  await host.page.locator('#messages a.picture').first().click();
  await host.page.locator('#viewer[open]').waitFor();
});
