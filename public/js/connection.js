// @ts-check
// MQTT 5 over a WebSocket to the server that the page came from. Comes back by itself. No DOM.
//
// Each network connection is one mqtt.js client with a clean start: nothing is queued or sent
// again behind our back. Who publishes learns what became of it, and decides.

import { MqttClient, browserStreamBuilder } from '../vendor/mqtt.js';

/** @typedef {{ topic: string, qos: 0 | 1 }} Filter */
/** @typedef {'connecting' | 'joined' | 'lost'} ConnectionState */

/**
 * @typedef {object} ConnectionOptions
 * @property {string} base the path that Parlor is mounted under
 * @property {Filter[]} filters
 * @property {(state: ConnectionState) => void} onState
 * @property {(topic: string, payload: Uint8Array) => void} onMessage
 * @property {(filter: Filter, code: number) => void} onRefused a filter was refused for good
 */

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
const ANSWER_MS = 20_000;
const PROBE_MS = 5000;

/** A connection that held so long was a good one: the next try may come soon. */
const STEADY_MS = 10_000;

/** Refused subscriptions [MQTT-3.9.3] that may be granted later: unspecified, implementation. */
const PASSING = new Set([0x80, 0x83, 0x91]);

/** A publish that the server refused, or that was never answered (`code` 0). */
export class NotPublished extends Error {
  /** @param {number} code an MQTT 5 reason code */
  constructor(code) {
    super(`not published: 0x${code.toString(16)}`);
    this.code = code;
  }
}

export class Connection {
  #options;
  /** @type {MqttClient | null} */
  #client = null;
  #attempts = 0;
  /** When the present try began. */
  #opened = 0;
  #joined = false;
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #steady;
  #clientId = `parlor-${Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join('')}`;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#open();
  }

  get joined() {
    return this.#joined;
  }

  /**
   * Resolves when the server has stored it.
   * @param {string} topic
   * @param {string} payload
   * @returns {Promise<void>} rejected with `NotPublished`
   */
  publish(topic, payload) {
    const client = this.#client;
    if (!client || !this.#joined) return Promise.reject(new NotPublished(0));
    return new Promise((resolve, reject) => {
      const lost = () => reject(new NotPublished(0));
      const timer = setTimeout(lost, ANSWER_MS);
      client.once('close', lost);
      client.publish(topic, payload, { qos: 1 }, (error) => {
        clearTimeout(timer);
        client.off('close', lost);
        if (!error) return resolve();
        reject(new NotPublished(/** @type {{ code?: number }} */ (error).code ?? 0));
      });
    });
  }

  /** Try now instead of later: the network is back, or the page is looked at again. */
  hurry() {
    if (this.#closed) return;
    // A proxy may hold on to a try for ever; another one may be let through.
    if (this.#client && !this.#client.connected && Date.now() - this.#opened > PROBE_MS) this.#client.end(true);
    else if (this.#client) this.#probe(this.#client);
    if (this.#client) return;
    this.#attempts = 0;
    this.#open();
  }

  /** Leaves cleanly: UNSUBSCRIBE, then DISCONNECT. Resolves within a second. */
  async close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#steady);
    const client = this.#client;
    if (!client) return;
    const topics = this.#options.filters.map(({ topic }) => topic);
    const left = new Promise((resolve) => {
      if (!client.connected) return resolve(null);
      client.unsubscribe(topics, () => client.end(false, () => resolve(null)));
    });
    await Promise.race([left, new Promise((resolve) => setTimeout(resolve, 1000))]);
    client.end(true);
  }

  #open() {
    clearTimeout(this.#timer);
    const { base, onMessage, onState } = this.#options;
    const secure = location.protocol === 'https:';
    const options = {
      protocol: /** @type {'ws' | 'wss'} */ (secure ? 'wss' : 'ws'),
      hostname: location.hostname,
      port: Number(location.port) || (secure ? 443 : 80),
      path: `${base}/mqtt`,
      protocolVersion: /** @type {const} */ (5),
      clientId: this.#clientId,
      clean: true,
      resubscribe: false,
      reconnectPeriod: 0,
      connectTimeout: ANSWER_MS,
      // Browsers let the timers of a hidden page run once a minute: half of this must not be less.
      keepalive: 120,
      timerVariant: /** @type {const} */ ('native'),
    };
    const client = new MqttClient((made) => browserStreamBuilder(made, options), options);
    this.#client = client;
    this.#opened = Date.now();
    onState('connecting');
    client.on('connect', () => this.#subscribe(client));
    client.on('message', (topic, payload) => onMessage(topic, payload));
    // mqtt.js goes on after some errors, deaf: whatever it was, `close` opens the next connection.
    client.on('error', (error) => {
      console.warn('mqtt:', error.message);
      client.end(true);
    });
    client.on('close', () => this.#lost(client));
  }

  /** @param {MqttClient} client */
  async #subscribe(client) {
    const { filters, onRefused, onState } = this.#options;
    for (const filter of filters) {
      const code = await subscribed(client, filter);
      if (this.#client !== client || this.#closed) return;
      if (code === null || PASSING.has(code)) return void client.end(true);
      if (code >= 0x80) return onRefused(filter, code);
    }
    this.#steady = setTimeout(() => (this.#attempts = 0), STEADY_MS);
    this.#joined = true;
    onState('joined');
  }

  /**
   * After sleep a connection may be dead without knowing it.
   * @param {MqttClient} client
   */
  #probe(client) {
    if (!client.connected) return;
    const timer = setTimeout(() => client.end(true), PROBE_MS);
    client.once('packetreceive', () => clearTimeout(timer));
    client.sendPing();
  }

  /** @param {MqttClient} client */
  #lost(client) {
    if (this.#client !== client) return;
    this.#client = null;
    this.#joined = false;
    clearTimeout(this.#steady);
    client.end(true);
    if (this.#closed) return;
    const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.#attempts++);
    // A random part, so that a restarted server is not met by everybody at one instant.
    this.#timer = setTimeout(() => this.#open(), longest * (0.5 + Math.random() / 2));
    this.#options.onState('lost');
  }
}

/**
 * The reason code of the SUBACK; null when there was none.
 * @param {MqttClient} client
 * @param {Filter} filter
 * @returns {Promise<number | null>}
 */
function subscribed(client, { topic, qos }) {
  return new Promise((resolve) => {
    client.subscribe(topic, { qos }, (error, _granted, packet) => {
      const code = packet?.granted?.[0];
      resolve(typeof code === 'number' ? code : error ? null : qos);
    });
  });
}
