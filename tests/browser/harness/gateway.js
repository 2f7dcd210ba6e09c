// @ts-check
// A reverse proxy that ends TLS and keeps one path of its site for Parlor: what nginx or Caddy do in
// front of it. Whatever a page asks for outside of that path is noted.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @typedef {import('node:http').IncomingMessage} Asked */

/** A certificate that nobody knows. */
function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'parlor-tls-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-keyout', key ?? '', '-out', cert ?? '',
  ], { stdio: 'ignore' });
  const pair = { key: readFileSync(key ?? ''), cert: readFileSync(cert ?? '') };
  rmSync(folder, { recursive: true });
  return pair;
}

export class Gateway {
  /** @type {string[]} what was asked for outside of the path */
  strays = [];
  /** Whether `/mqtt` comes through. */
  knowsWebSocket = true;
  #listener = createServer(certificate());
  /** @type {Set<import('node:stream').Duplex>} */
  #ends = new Set();
  #server;
  #base;
  #strips;

  /**
   * @param {{ http: string }} server
   * @param {string} base
   * @param {boolean} strips whether it takes the path off
   */
  constructor(server, base, strips) {
    this.#server = server;
    this.#base = base;
    this.#strips = strips;
    this.#listener.on('connection', (socket) => {
      this.#ends.add(socket);
      socket.on('close', () => this.#ends.delete(socket));
    });
    this.#listener.on('request', (asked, answer) => {
      const passed = this.#pass(asked);
      if (!passed) return void answer.writeHead(418).end();
      passed.on('response', (given) => {
        answer.writeHead(given.statusCode ?? 502, given.headers);
        answer.flushHeaders();
        given.pipe(answer);
      });
      passed.on('error', () => answer.destroy());
      answer.on('close', () => passed.destroy());
      asked.pipe(passed);
    });
    this.#listener.on('upgrade', (asked, near) => {
      const passed = this.knowsWebSocket ? this.#pass(asked) : null;
      near.on('error', () => near.destroy());
      if (!passed) return void near.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
      passed.on('error', () => near.destroy());
      passed.on('response', () => near.destroy());
      passed.on('upgrade', (given, far) => {
        const headers = Object.entries(given.headers).map(([name, value]) => `${name}: ${value}\r\n`);
        near.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('')}\r\n`);
        far.on('error', () => near.destroy());
        far.on('close', () => near.destroy());
        near.on('close', () => far.destroy());
        near.pipe(far).pipe(near);
      });
      passed.end();
    });
  }

  /** @param {{ http: string }} server @param {string} base @param {boolean} strips */
  static async before(server, base, strips) {
    const gateway = new Gateway(server, base, strips);
    gateway.#listener.listen(0, 'localhost');
    await once(gateway.#listener, 'listening');
    return gateway;
  }

  get origin() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#listener.address());
    return `https://localhost:${port}`;
  }

  get url() {
    return this.origin + this.#base;
  }

  remove() {
    this.#listener.close();
    for (const end of this.#ends) end.destroy();
  }

  /** The request as Parlor gets it. @param {Asked} asked */
  #pass(asked) {
    const path = asked.url ?? '';
    if (path !== this.#base && !path.startsWith(`${this.#base}/`)) {
      // Browsers ask for an icon by themselves.
      if (path !== '/favicon.ico') this.strays.push(`${asked.method} ${path}`);
      return null;
    }
    const [host, port] = this.#server.http.split(':');
    const headers = {
      ...asked.headers,
      host: this.#server.http,
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': asked.headers.host ?? '',
    };
    const rest = this.#strips ? path.slice(this.#base.length) || '/' : path;
    return request({ host, port, method: asked.method, path: rest, headers });
  }
}
