// @ts-check
// A room over plain HTTP, for where WebSocket is blocked: events by Server-Sent Events, sends by
// POST, the card by asking now and then. Ends at its first interruption. No DOM.

import { NotPublished } from './connection.js';
import * as topics from './topics.js';

/** How often the room's card is asked for. */
const CARD_MS = 5000;
const ANSWER_MS = 20_000;

/**
 * @typedef {object} StreamOptions
 * @property {string} address the room's
 * @property {string} room
 * @property {() => number} after the last seq that is known; 0 when none
 */

/** @implements {Fallback} */
export class Stream {
  #options;
  #told;
  #source;
  #ended = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #card = '';

  /**
   * @param {StreamOptions} options
   * @param {import('./transport.js').FallbackEvents} told
   */
  constructor(options, told) {
    this.#options = options;
    this.#told = told;
    const after = options.after();
    const query = after > 0 ? `?after=${after}` : '';
    this.#source = new EventSource(`${options.address}/events${query}`);
    this.#source.addEventListener('open', () => {
      told.onJoined();
      this.#askCard();
    });
    this.#source.addEventListener('message', ({ data }) => this.#pass(topics.chat(options.room), data));
    // The browser would go on by itself, but who chooses between the ways is not the browser.
    this.#source.addEventListener('error', () => this.#failed());
  }

  /**
   * Resolves when the server has stored it.
   * @param {string} topic
   * @param {string} payload
   * @returns {Promise<void>} rejected with `NotPublished`, by the reason code that MQTT would give
   */
  async publish(topic, payload) {
    const { address, room } = this.#options;
    if (topic !== topics.chat(room)) throw new NotPublished(0x87);
    const response = await fetch(`${address}/chat`, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: payload,
      signal: AbortSignal.timeout(ANSWER_MS),
    }).catch(() => null);
    if (response?.ok) return;
    throw new NotPublished(response ? reason(response.status) : 0);
  }

  close() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#source.close();
  }

  /**
   * @param {string} topic
   * @param {string} text
   */
  #pass(topic, text) {
    if (!this.#ended) this.#told.onMessage(topic, new TextEncoder().encode(text));
  }

  /** An `EventSource` does not say why it failed: the same address, asked plainly, does. */
  async #failed() {
    if (this.#ended) return;
    this.close();
    const { address, room } = this.#options;
    const asking = new AbortController();
    const timer = setTimeout(() => asking.abort(), ANSWER_MS);
    const headers = { accept: 'text/event-stream' };
    const response = await fetch(`${address}/events`, { headers, signal: asking.signal }).catch(() => null);
    clearTimeout(timer);
    asking.abort();
    const code = response ? reason(response.status) : 0;
    if (code === 0x87 || response?.status === 409) {
      this.#told.onRefused({ topic: topics.chat(room), qos: 1 }, code);
    } else {
      this.#told.onLost();
    }
  }

  async #askCard() {
    const { address, room } = this.#options;
    const headers = { accept: 'application/json' };
    const response = await fetch(address, { headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
    const text = response?.ok ? await response.text().catch(() => '') : '';
    if (response?.status === 404) this.#pass(topics.card(room), '');
    else if (text && text !== this.#card) this.#pass(topics.card(room), (this.#card = text));
    if (!this.#ended) this.#timer = setTimeout(() => this.#askCard(), CARD_MS);
  }
}

/**
 * The MQTT 5 reason code that says what an HTTP status says.
 * @param {number} status
 */
function reason(status) {
  if (status === 403 || status === 404) return 0x87;
  if (status === 409 || status === 429) return 0x97;
  if (status === 422) return 0x99;
  return status < 400 ? 0 : 0x83;
}

/** @typedef {import('./transport.js').Fallback} Fallback */
