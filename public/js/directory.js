// @ts-check
// The rooms there are, asked for over plain HTTP now and then, for where WebSocket is blocked. No DOM.

import { NotPublished } from './connection.js';

const APART_MS = 4000;
const ANSWER_MS = 15_000;

/** @typedef {import('./wire.js').Card} Card */

export class Directory {
  #base;
  #told;
  #onCards;
  #ended = false;
  #joined = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} base
   * @param {(cards: Card[]) => void} onCards all of them, each time
   * @param {import('./transport.js').FallbackEvents} told
   */
  constructor(base, onCards, told) {
    this.#base = base;
    this.#onCards = onCards;
    this.#told = told;
    this.#ask();
  }

  /** There is nothing to say to a directory. */
  publish() {
    return Promise.reject(new NotPublished(0x87));
  }

  close() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #ask() {
    const cards = await this.#cards();
    if (this.#ended) return;
    if (!cards) return this.#told.onLost();
    if (!this.#joined) this.#told.onJoined();
    this.#joined = true;
    // To be told of may have ended it.
    if (this.#ended) return;
    this.#onCards(cards);
    this.#timer = setTimeout(() => this.#ask(), APART_MS);
  }

  /** @returns {Promise<Card[] | null>} */
  async #cards() {
    try {
      const headers = { accept: 'application/json' };
      const response = await fetch(`${this.#base}/`, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
      return response.ok ? (await response.json()).rooms : null;
    } catch {
      return null;
    }
  }
}
