// @ts-check
// My lines between saying them and seeing them in the log: drawn below it, with what became of them.

import { NotPublished } from './connection.js';
import { Outbox, newKey } from './outbox.js';
import { byId, field } from './page.js';
import { sendLine } from './render.js';
import { fill } from './text.js';

/** @typedef {import('./outbox.js').Send} Send */

/**
 * @typedef {object} SendsOptions
 * @property {import('./render.js').Scene} scene
 * @property {number} textMax
 * @property {() => boolean} joined
 * @property {(payload: string, to: Send['to']) => Promise<void>} publish
 * @property {() => void} onNotAllowed the room no longer takes what we say
 * @property {(change: () => void) => void} keep changes lines without moving the reader
 */

export class Sends {
  #options;
  #list = byId('outbox');
  /** @type {Map<string, HTMLElement>} */
  #lines = new Map();
  #outbox = new Outbox((send, gone) => this.#changed(send, gone));

  /** @param {SendsOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * @param {string} chat
   * @param {Send['to']} to
   * @returns {boolean} false when too many are under way
   */
  say(chat, to) {
    const taken = this.#outbox.add(chat, newKey(), to) !== null;
    this.flush();
    return taken;
  }

  /** Sends what waits, if the room is joined. */
  flush() {
    if (!this.#options.joined()) return;
    for (const send of this.#outbox.takeWaiting()) this.#publish(send);
  }

  interrupted() {
    this.#outbox.interrupted();
  }

  /** The log has it. @param {string} key */
  arrived(key) {
    this.#outbox.remove(key);
  }

  /** @param {Send} send */
  async #publish({ key, chat, to }) {
    try {
      await this.#options.publish(JSON.stringify({ chat, key }), to);
      this.#outbox.stored(key);
    } catch (error) {
      // Without a connection it waits for the next one.
      if (!this.#options.joined()) return;
      const code = error instanceof NotPublished ? error.code : 0;
      this.#outbox.failed(key, to ? this.#whyNotWhispered(code) : this.#why(code));
      if (code === 0x87 && !to) this.#options.onNotAllowed();
    }
  }

  /** @param {number} code */
  #whyNotWhispered(code) {
    const { personGone, noWhispers } = this.#options.scene.texts;
    // Topic name invalid: nobody is there under this name.
    if (code === 0x90) return personGone;
    return code === 0x87 ? noWhispers : this.#why(code);
  }

  /** @param {number} code of a PUBACK [MQTT-3.4.2.1]; 0 when none came */
  #why(code) {
    const { scene, textMax } = this.#options;
    const { noAnswer, tooOften, notTaken, refused } = scene.texts;
    if (code === 0) return noAnswer;
    if (code === 0x97) return tooOften;
    if (code === 0x99) return fill(notTaken, { n: textMax });
    return refused;
  }

  /**
   * @param {Send} send
   * @param {boolean} gone
   */
  #changed(send, gone) {
    this.#options.keep(() => {
      const line = this.#lines.get(send.key) ?? this.#made(send);
      if (gone) {
        line.remove();
        this.#lines.delete(send.key);
      } else {
        this.#tell(line, send);
      }
    });
  }

  /** @param {Send} send */
  #made({ key, chat, to }) {
    const line = sendLine(chat, this.#options.scene, to);
    this.#lines.set(key, line);
    appendMine(this.#list, line);
    return line;
  }

  /**
   * @param {HTMLElement} line
   * @param {Send} send
   */
  #tell(line, { key, state, why }) {
    const { texts } = this.#options.scene;
    line.classList.toggle('sending', state === 'waiting' || state === 'sending');
    line.classList.toggle('failed', state === 'failed');
    const label = { waiting: 'sending', sending: 'sending', stored: 'sent', failed: '' }[state];
    field(line, 'state').textContent = texts[label] ?? '';
    line.querySelector('.send-fault')?.remove();
    if (state === 'failed') line.append(this.#fault(key, why));
  }

  /**
   * @param {string} key
   * @param {string} why
   */
  #fault(key, why) {
    const { texts } = this.#options.scene;
    const fault = document.createElement('p');
    fault.className = 'send-fault';
    fault.append(
      fill(texts.notSent, { why }),
      textButton(texts.retry, () => {
        this.#outbox.retry(key);
        this.flush();
      }),
      textButton(texts.discard, () => this.#outbox.remove(key)),
    );
    return fault;
  }
}

/**
 * Puts a line of mine below the log, as close to the one above as it will stand in the log.
 * @param {HTMLElement} list
 * @param {HTMLElement} line
 */
export function appendMine(list, line) {
  const above = list.lastElementChild ?? list.previousElementSibling?.lastElementChild?.lastElementChild;
  line.classList.toggle('follows', above?.classList.contains('mine') ?? false);
  list.append(line);
}

/**
 * @param {string} label
 * @param {() => void} action
 */
export function textButton(label, action) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'text-button';
  button.textContent = label;
  button.addEventListener('click', action);
  return button;
}
