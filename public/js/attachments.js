// @ts-check
// Images chosen, dropped or pasted: checked, shown while they are sent, retried or given up.

import { newKey } from './outbox.js';
import { byId, field } from './page.js';
import { sendLine } from './render.js';
import { appendMine, textButton } from './sends.js';
import { fill } from './text.js';
import { UploadRefused, objection, upload } from './upload.js';

/** Files taken at one time. */
const FILES_MAX = 5;

/**
 * @typedef {object} AttachmentsOptions
 * @property {string} address the room's
 * @property {import('./render.js').Scene} scene
 * @property {number} bytesMax
 * @property {() => boolean} whispering what is sent now is meant for one person
 * @property {(change: () => void) => void} keep changes lines without moving the reader
 * @property {(text: string, isFault: boolean) => void} note
 * @property {(event: import('./wire.js').RoomEvent) => void} onStored
 */

export class Attachments {
  #options;
  #list = byId('outbox');
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
    byId('chat').addEventListener('paste', (event) => {
      const files = event.clipboardData?.files;
      if (!files?.length) return;
      event.preventDefault();
      this.#take(files);
    });
    this.#watchDrops(byId('conversation'), byId('drop'));
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
  #take(files) {
    const { scene, bytesMax, note } = this.#options;
    note('', false);
    // Images are for all: none may slip out while somebody whispers.
    if (files?.length && this.#options.whispering()) return note(scene.texts.noImageWhispers, true);
    for (const file of [...(files ?? [])].slice(0, FILES_MAX)) {
      const reason = objection(file, bytesMax);
      const values = { name: file.name, max: Math.floor(bytesMax / 2 ** 20) };
      if (reason) note(fill(scene.texts[reason] ?? '', values), true);
      else this.#begin(file);
    }
  }

  /** @param {File} file */
  #begin(file) {
    const key = newKey();
    const line = this.#row(file);
    this.#lines.set(key, line);
    this.#send(file, key, line);
  }

  /** The log has it, or its sender gave up. @param {string} key */
  remove(key) {
    const line = this.#lines.get(key);
    if (!line) return;
    this.#lines.delete(key);
    this.#options.keep(() => line.remove());
    const image = line.querySelector('img');
    if (image) URL.revokeObjectURL(image.src);
  }

  /** @param {File} file */
  #row(file) {
    const line = sendLine('', this.#options.scene);
    line.classList.add('sending');
    const preview = document.createElement('span');
    preview.className = 'picture';
    const image = document.createElement('img');
    image.alt = file.name;
    image.width = 320;
    image.height = 240;
    image.src = URL.createObjectURL(file);
    preview.append(image);
    const box = document.createElement('div');
    box.className = 'upload';
    field(line, 'text').replaceWith(preview, box);
    this.#options.keep(() => appendMine(this.#list, line));
    return line;
  }

  /**
   * @param {File} file
   * @param {string} key
   * @param {HTMLElement} line
   */
  async #send(file, key, line) {
    const { address, scene, onStored, keep } = this.#options;
    const progress = document.createElement('progress');
    const label = document.createElement('span');
    const told = (/** @type {number} */ share) => {
      progress.value = share;
      const percent = Math.round(share * 100);
      label.textContent = fill(scene.texts.uploading, { name: file.name, percent });
    };
    const { done, cancel } = upload(address, file, key, told);
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
      if (error instanceof UploadRefused) this.#failed(file, key, line, error);
      else this.remove(key);
    }
  }

  /**
   * @param {File} file
   * @param {string} key
   * @param {HTMLElement} line
   * @param {UploadRefused} error
   */
  #failed(file, key, line, { status, detail }) {
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
        this.#send(file, key, line);
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
