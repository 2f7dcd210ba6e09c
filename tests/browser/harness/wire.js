// @ts-check
// The network between a browser and the server, which can be cut, mended and held.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** @type {Set<Wire>} */
const open = new Set();

/** For the end of the tests: a wire that a failed test left would keep the process. */
export const removeWires = () => open.forEach((wire) => wire.remove());

export class Wire {
  /** @type {Set<import('node:net').Socket>} */
  #ends = new Set();
  /** @type {Set<import('node:net').Socket>} what comes from browsers */
  #near = new Set();
  #isCut = false;
  #isHeld = false;
  /** Whether a WebSocket's upgrade is never answered. */
  swallowsUpgrades = false;
  #listener = createServer((near) => this.#join(near));
  #server;

  /** @param {{ http: string }} server */
  constructor(server) {
    this.#server = server;
  }

  /** @param {{ http: string }} server */
  static async to(server) {
    const wire = new Wire(server);
    wire.#listener.listen(0, '127.0.0.1');
    await once(wire.#listener, 'listening');
    open.add(wire);
    return wire;
  }

  get url() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#listener.address());
    return `http://127.0.0.1:${port}`;
  }

  /** Every connection is lost, and new ones are. */
  cut() {
    this.#isCut = true;
    for (const end of this.#ends) end.destroy();
  }

  mend() {
    this.#isCut = false;
  }

  /** What browsers send does not arrive, until it is let go. */
  hold() {
    this.#isHeld = true;
    for (const near of this.#near) near.pause();
  }

  release() {
    this.#isHeld = false;
    for (const near of this.#near) near.resume();
  }

  remove() {
    this.cut();
    this.#listener.close();
    open.delete(this);
  }

  /** @param {import('node:net').Socket} near */
  #join(near) {
    if (this.#isCut) return void near.destroy();
    const [host, port] = this.#server.http.split(':');
    const far = connect(Number(port), host);
    this.#near.add(near);
    for (const [end, other] of /** @type {const} */ ([[near, far], [far, near]])) {
      this.#ends.add(end);
      end.on('error', () => end.destroy());
      end.on('close', () => {
        this.#ends.delete(end);
        this.#near.delete(end);
        other.destroy();
      });
      end.on('data', (bytes) => {
        if (this.swallowsUpgrades && end === near && isUpgrade(/** @type {Buffer} */ (bytes))) return;
        if (other.write(bytes)) return;
        end.pause();
        other.once('drain', () => {
          if (end !== near || !this.#isHeld) end.resume();
        });
      });
    }
    if (this.#isHeld) near.pause();
  }
}

/** The head of a request comes in one piece. @param {Buffer} bytes */
const isUpgrade = (bytes) => /^upgrade: websocket/im.test(bytes.toString('latin1'));
