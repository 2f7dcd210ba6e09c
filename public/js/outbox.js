// @ts-check
// What this page has said and not yet seen in the log. Pure: no DOM, no network.
//
// Every send has a key. Sending it again under the same key is harmless: the server answers with
// the event that the first one became.

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */

/** @typedef {'waiting' | 'sending' | 'stored' | 'failed'} SendState */

/**
 * @typedef {object} Send
 * @property {string} key
 * @property {string} chat
 * @property {import('./avatar.js').Who | null} to whom it is whispered to
 * @property {SendState} state
 * @property {string} why why it failed
 */

/** Sends that may be under way at once; beyond it the text stays in the box. */
export const OUTBOX_MAX = 50;

/** 96 random bits. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Outbox {
  /** @type {Map<string, Send>} in the order they were written */
  #sends = new Map();
  #changed;

  /** @param {(send: Send, gone: boolean) => void} changed told of every change */
  constructor(changed) {
    this.#changed = changed;
  }

  /**
   * @param {string} chat
   * @param {string} [key]
   * @param {Send['to']} [to]
   * @returns {Send | null} null when too many are under way
   */
  add(chat, key = newKey(), to = null) {
    if (this.#sends.size >= OUTBOX_MAX) return null;
    /** @type {Send} */
    const send = { key, chat, to, state: 'waiting', why: '' };
    this.#sends.set(key, send);
    this.#changed(send, false);
    return send;
  }

  /** What is to be sent when the room is joined (again), in order. */
  takeWaiting() {
    const waiting = [...this.#sends.values()].filter(({ state }) => state === 'waiting');
    for (const { key } of waiting) this.#move(key, 'sending');
    return waiting;
  }

  /** The connection went: what was under way must go again. */
  interrupted() {
    for (const { key, state } of this.#sends.values()) {
      if (state === 'sending') this.#move(key, 'waiting');
    }
  }

  /** @param {string} key */
  stored(key) {
    this.#move(key, 'stored');
  }

  /**
   * @param {string} key
   * @param {string} why
   */
  failed(key, why) {
    this.#move(key, 'failed', why);
  }

  /** @param {string} key */
  retry(key) {
    if (this.#sends.get(key)?.state === 'failed') this.#move(key, 'waiting');
  }

  /**
   * The event is in the log, or the author gave up on it.
   * @param {string} key
   */
  remove(key) {
    const send = this.#sends.get(key);
    if (!send) return;
    this.#sends.delete(key);
    this.#changed(send, true);
  }

  /**
   * @param {string} key
   * @param {SendState} state
   */
  #move(key, state, why = '') {
    const send = this.#sends.get(key);
    if (!send || (send.state === state && send.why === why)) return;
    send.state = state;
    send.why = why;
    this.#changed(send, false);
  }
}
