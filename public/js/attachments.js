// @ts-check
// Images chosen, dropped or pasted: looked at, shown above the text box until they are sent with what
// is written there, shown in the log while they are under way, retried or given up.

import { newKey } from './outbox.js';
import { byId, field } from './page.js';
import { boxSize, sendLine } from './render.js';
import { appendMine, textButton } from './sends.js';
import { fill } from './text.js';
import { UploadRefused, objection, upload } from './upload.js';

/** Images that wait to be sent together. */
const WAITING_MAX = 5;

/**
 * @typedef {object} AttachmentsOptions
 * @property {string} address the room's
 * @property {import('./render.js').Scene} scene
 * @property {import('./upload.js').Limits} limits
 * @property {() => boolean} whispering what is sent now is meant for one person
 * @property {(change: () => void) => void} keep changes lines without moving the reader
 * @property {(text: string, isFault: boolean) => void} note
 * @property {(event: import('./wire.js').RoomEvent) => void} onStored
 */

/**
 * @typedef {object} Chosen
 * @property {File} file
 * @property {HTMLCanvasElement} preview its first frame, at the size that it will have in the log
 * @property {HTMLElement} item its place above the text box
 */

/**
 * @typedef {object} Sending
 * @property {File} file
 * @property {string} key the same for every try
 * @property {string} caption
 * @property {HTMLElement} line
 */

export class Attachments {
  #options;
  #list = byId('outbox');
  #tray = byId('chosen');
  #box = /** @type {HTMLTextAreaElement} */ (byId('chat'));
  /** @type {Chosen[]} */
  #chosen = [];
  /** @type {Map<string, HTMLElement>} by key */
  #lines = new Map();

  /** @param {AttachmentsOptions} options */
  constructor(options) {
    this.#options = options;
    const picker = /** @type {HTMLInputElement} */ (byId('file'));
    byId('attach').addEventListener('click', () => picker.click());
    picker.addEventListener('change', () => {
      this.#take(picker.files);
      // The same file may be chosen again.
      picker.value = '';
    });
    this.#box.addEventListener('paste', (event) => {
      const files = event.clipboardData?.files;
      if (!files?.length) return;
      event.preventDefault();
      this.#take(files);
    });
    this.#watchDrops(byId('conversation'), byId('drop'));
  }

  /** Whether there are images to send with the next line. */
  get waiting() {
    return this.#chosen.length > 0;
  }

  /** Sends what was chosen; the first image has the text with it. @param {string} caption */
  send(caption) {
    const chosen = this.#chosen;
    this.#chosen = [];
    this.#changed();
    // One after the other, so that they stand in the log as they were chosen.
    let before = Promise.resolve();
    for (const [at, { file, preview }] of chosen.entries()) {
      const sending = { file, key: newKey(), caption: at === 0 ? caption : '' };
      const line = this.#row(preview, sending.caption);
      this.#lines.set(sending.key, line);
      before = before.then(() => this.#send({ ...sending, line }));
    }
  }

  /** The log has it, or its sender gave up. @param {string} key */
  remove(key) {
    const line = this.#lines.get(key);
    if (!line) return;
    this.#lines.delete(key);
    this.#options.keep(() => line.remove());
  }

  /**
   * @param {HTMLElement} area
   * @param {HTMLElement} sign
   */
  #watchDrops(area, sign) {
    const hasFiles = (/** @type {DragEvent} */ event) =>
      event.dataTransfer?.types.includes('Files') ?? false;
    area.addEventListener('dragover', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      sign.hidden = false;
    });
    area.addEventListener('dragleave', (event) => {
      if (!area.contains(/** @type {Node | null} */ (event.relatedTarget))) sign.hidden = true;
    });
    area.addEventListener('drop', (event) => {
      sign.hidden = true;
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.#take(event.dataTransfer?.files);
    });
  }

  /** @param {FileList | null | undefined} files */
  async #take(files) {
    const { scene, note, whispering } = this.#options;
    note('', false);
    // Images are for all: none may slip out while somebody whispers.
    if (files?.length && whispering()) return note(scene.texts.noImageWhispers, true);
    for (const file of [...(files ?? [])]) {
      if (this.#chosen.length >= WAITING_MAX) {
        return note(fill(scene.texts.tooManyImages, { n: WAITING_MAX }), true);
      }
      await this.#choose(file);
    }
  }

  /** @param {File} file */
  async #choose(file) {
    const { scene, limits, note } = this.#options;
    const refuse = (/** @type {string} */ reason) => {
      const values = { name: file.name, max: Math.floor(limits.uploadBytes / 2 ** 20) };
      note(fill(scene.texts[reason] ?? '', { ...values, pixels: Math.floor(limits.pixels / 1e6) }), true);
    };
    const reason = objection(file, limits);
    if (reason) return refuse(reason);
    const image = await createImageBitmap(file).catch(() => null);
    if (!image) return refuse('notAnImage');
    const preview = drawn(image, file.name);
    const { width, height } = image;
    image.close();
    if (width * height > limits.pixels) return refuse('imageTooManyPixels');
    const item = document.createElement('li');
    const chosen = { file, preview, item };
    const remove = document.createElement('button');
    remove.type = 'button';
    remove.className = 'remove';
    remove.textContent = '×';
    remove.setAttribute('aria-label', fill(scene.texts.removeImage, { name: file.name }));
    remove.addEventListener('click', () => {
      this.#chosen = this.#chosen.filter((one) => one !== chosen);
      this.#changed();
    });
    item.append(preview, remove);
    this.#chosen.push(chosen);
    this.#changed();
  }

  #changed() {
    this.#tray.replaceChildren(...this.#chosen.map(({ item }) => item));
    this.#tray.hidden = !this.waiting;
    // An image may go without a word.
    this.#box.required = !this.waiting;
    this.#box.focus();
  }

  /**
   * @param {HTMLCanvasElement} preview
   * @param {string} caption
   */
  #row(preview, caption) {
    const line = sendLine(caption, this.#options.scene);
    line.classList.add('sending');
    const picture = document.createElement('span');
    picture.className = 'picture';
    picture.append(preview);
    const box = document.createElement('div');
    box.className = 'upload';
    const text = field(line, 'text');
    text.before(picture);
    if (caption) text.after(box);
    else text.replaceWith(box);
    this.#options.keep(() => appendMine(this.#list, line));
    return line;
  }

  /** @param {Sending} sending */
  async #send(sending) {
    const { file, key, line } = sending;
    const { address, scene, onStored, keep } = this.#options;
    const progress = document.createElement('progress');
    const label = document.createElement('span');
    const told = (/** @type {number} */ share) => {
      progress.value = share;
      const percent = Math.round(share * 100);
      label.textContent = fill(scene.texts.uploading, { name: file.name, percent });
    };
    const { done, cancel } = upload(address, sending, told);
    const row = document.createElement('div');
    row.className = 'upload-row';
    row.append(label, textButton(scene.texts.cancel, cancel));
    progress.setAttribute('aria-label', file.name);
    told(0);
    keep(() => line.querySelector('.upload')?.replaceChildren(progress, row));
    try {
      onStored(await done);
      // It is drawn in this frame, unless it came over MQTT already.
      requestAnimationFrame(() => this.remove(key));
    } catch (error) {
      if (error instanceof UploadRefused) this.#failed(sending, error);
      else this.remove(key);
    }
  }

  /**
   * @param {Sending} sending
   * @param {UploadRefused} error
   */
  #failed(sending, { status, detail }) {
    const { file, key, line } = sending;
    const { texts } = this.#options.scene;
    const words = { 0: 'noAnswer', 413: 'imageTooLargeWhy', 415: 'notAnImageWhy', 429: 'tooOften' };
    const known = texts[words[/** @type {keyof typeof words} */ (status)] ?? ''];
    const why = known || detail || texts.refused;
    const fault = document.createElement('p');
    fault.className = 'send-fault';
    fault.append(
      fill(texts.uploadFailed, { name: file.name, why }),
      textButton(texts.retry, () => {
        fault.remove();
        line.classList.replace('failed', 'sending');
        this.#send(sending);
      }),
      textButton(texts.discard, () => this.remove(key)),
    );
    this.#options.keep(() => {
      line.classList.replace('sending', 'failed');
      line.querySelector('.upload')?.replaceChildren();
      line.append(fault);
    });
  }
}

/**
 * The first frame, as large as the log will show it.
 * @param {ImageBitmap} image
 * @param {string} name
 */
function drawn(image, name) {
  const { width, height } = boxSize(image.width, image.height);
  const canvas = document.createElement('canvas');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', name);
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  canvas.style.width = `${width}px`;
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
