// @ts-check
// MQTT over WebSocket where it can be had, plain HTTP where it cannot, and back. No DOM.
//
// Both ways overlap when they change: the new one is open before the old one is closed. What comes
// twice has the same seq, and the log shows it once.

import { Connection, NotPublished } from './connection.js';

/** @typedef {import('./connection.js').ConnectionOptions} ConnectionOptions */
/** @typedef {'mqtt' | 'http'} Way */

/**
 * @typedef {object} FallbackEvents
 * @property {() => void} onJoined
 * @property {() => void} onLost it ended, for whatever passes
 * @property {ConnectionOptions['onMessage']} onMessage
 * @property {ConnectionOptions['onRefused']} onRefused
 */

/**
 * @typedef {object} Fallback
 * @property {(topic: string, payload: string) => Promise<void>} publish
 * @property {() => void} close
 */

/**
 * @typedef {object} TransportOptions
 * @property {string} base
 * @property {import('./connection.js').Filter[]} filters
 * @property {(state: import('./connection.js').ConnectionState, way: Way) => void} onState
 * @property {ConnectionOptions['onMessage']} onMessage
 * @property {ConnectionOptions['onRefused']} onRefused
 * @property {() => Promise<(told: FallbackEvents) => Fallback>} fallback fetched when it is needed
 */

/** WebSockets that could not be opened in a row, before HTTP is tried. */
const FAILURES = 2;
/** A proxy may also say nothing at all. Where it did, this tab waits less for it the next time. */
const PATIENCE_MS = 8000;
const IMPATIENCE_MS = 1500;
const KNOWN_SILENT = 'silent-proxy';

const patience = () => (sessionStorage.getItem(KNOWN_SILENT) ? IMPATIENCE_MS : PATIENCE_MS);

export class Transport {
  #options;
  #connection;
  /** @type {Fallback | null} */
  #fallback = null;
  #fetching = false;
  #overHttp = false;
  #wasJoined = false;
  #failures = 0;
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {TransportOptions} options */
  constructor(options) {
    this.#options = options;
    const { base, filters, onMessage, onRefused } = options;
    this.#connection = new Connection({
      base,
      filters,
      onMessage,
      onRefused,
      onState: (state) => this.#changed(state),
    });
  }

  get joined() {
    return this.#overHttp || this.#connection.joined;
  }

  /** Whether it goes on without MQTT at the moment. */
  get overHttp() {
    return this.#overHttp;
  }

  /**
   * Resolves when the server has stored it.
   * @param {string} topic
   * @param {string} payload
   * @returns {Promise<void>} rejected with `NotPublished`
   */
  publish(topic, payload) {
    if (this.#connection.joined) return this.#connection.publish(topic, payload);
    if (this.#overHttp && this.#fallback) return this.#fallback.publish(topic, payload);
    return Promise.reject(new NotPublished(0));
  }

  hurry() {
    this.#connection.hurry();
  }

  async close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#drop();
    await this.#connection.close();
  }

  /** @param {import('./connection.js').ConnectionState} state of the WebSocket */
  #changed(state) {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    if (state === 'joined') {
      this.#failures = 0;
      this.#wasJoined = true;
      sessionStorage.removeItem(KNOWN_SILENT);
      this.#drop();
      return this.#options.onState('joined', 'mqtt');
    }
    if (state === 'connecting') this.#timer = setTimeout(() => this.#unanswered(), patience());
    if (state === 'lost') {
      this.#failures = this.#wasJoined ? 0 : this.#failures + 1;
      this.#wasJoined = false;
      if (this.#failures >= FAILURES) this.#try();
    }
    if (!this.#overHttp) this.#options.onState(state, 'mqtt');
  }

  #unanswered() {
    sessionStorage.setItem(KNOWN_SILENT, 'yes');
    this.#try();
  }

  async #try() {
    if (this.#fallback || this.#fetching) return;
    const { fallback, onMessage, onRefused, onState } = this.#options;
    this.#fetching = true;
    // Without it, HTTP does not work either; the next failure asks again.
    const begin = await fallback().catch(() => null);
    this.#fetching = false;
    if (!begin || this.#closed || this.#connection.joined) return;
    this.#fallback = begin({
      onMessage,
      onRefused,
      onJoined: () => {
        this.#overHttp = true;
        onState('joined', 'http');
        // Perhaps only the server was away: then WebSocket works again, too.
        this.#connection.hurry();
      },
      onLost: () => {
        const wasJoined = this.#overHttp;
        this.#drop();
        if (!wasJoined) return;
        onState('lost', 'http');
        this.#connection.hurry();
      },
    });
  }

  #drop() {
    this.#overHttp = false;
    this.#fallback?.close();
    this.#fallback = null;
  }
}
