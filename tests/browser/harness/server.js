// @ts-check
// The server under test: a process of its own with its own ports, folder and database. The store is
// PARLOR_TEST_STORE's: `sqlite` (the default) or `mongo`.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { until } from './wait.js';

const root = resolve(import.meta.dirname, '../../..');
const program = resolve(root, process.env['PARLOR_BINARY'] ?? 'target/debug/parlor');

export const store = process.env['PARLOR_TEST_STORE'] ?? 'sqlite';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/**
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
function start(command, args, options) {
  const child = spawn(command, args, options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** @param {number} port */
function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy()));
    socket.once('error', () => resolve(false));
  });
}

/** @type {Promise<string> | undefined} */
let mongo;
let releaseMongo = async () => {};

/** The end of what the servers shared. */
export const endStore = () => releaseMongo();

/** The MongoDB server that this process shares. */
async function mongoServer() {
  const given = process.env['MONGODB_URI'];
  if (given) return given;
  const port = await freePort();
  const script = join(root, 'scripts/mongo-for-tests.sh');
  const child = start(script, ['--port', String(port)], { stdio: ['ignore', 'ignore', 'inherit'] });
  releaseMongo = async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  await until(() => child.exitCode !== null || isOpen(port), 'a MongoDB server');
  return `mongodb://127.0.0.1:${port}/?directConnection=true`;
}

let databases = 0;

async function storeUri() {
  if (store !== 'mongo') return 'sqlite:';
  const uri = new URL(await (mongo ??= mongoServer()));
  uri.pathname = `/parlor_browser_${Date.now()}_${process.pid}_${databases++}`;
  return uri.href;
}

export class Server {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #home = mkdtempSync(join(tmpdir(), 'parlor-'));
  /** @type {Record<string, string>} */
  #settings;
  /** `host:port` of HTTP, and of MQTT. */
  http = '127.0.0.1:0';
  mqtt = '127.0.0.1:0';
  log = '';

  /** @param {Record<string, string>} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  /**
   * @param {Record<string, string>} [settings] as in `{ PARLOR_PRESENCE__GRACE_MS: '500' }`
   */
  static async start(settings = {}) {
    const server = new Server({ ...settings, PARLOR_STORE__URI: await storeUri() });
    await server.again();
    return server;
  }

  /** Starts it, after its end on the same data and at the same addresses. */
  async again() {
    const child = start(program, [], {
      cwd: this.#home,
      env: {
        PARLOR_SERVER__LISTEN: this.http,
        PARLOR_MQTT__LISTEN: this.mqtt,
        PARLOR_LIMITS__PUBLISH_PER_S: '0',
        ...this.#settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr?.on('data', (text) => (this.log += text));
    for await (const line of createInterface({ input: /** @type {any} */ (child.stdout) })) {
      const found = /^listening http=(\S+) mqtt=(\S+)/.exec(line);
      if (!found) continue;
      [this.http, this.mqtt] = [found[1] ?? '', found[2] ?? ''];
      child.stdout?.resume();
      return;
    }
    throw new Error(`the server ended before it listened:\n${this.log}`);
  }

  get url() {
    return `http://${this.http}`;
  }

  /**
   * What the program says to a command, beside the one that serves.
   * @param {string[]} args as in `['device', 'add', 'porch']`
   */
  async run(args) {
    const env = { ...this.#settings, PARLOR_LOG__LEVEL: 'error' };
    const { stdout } = await promisify(execFile)(program, args, { cwd: this.#home, env });
    return stdout.trim();
  }

  /** SIGKILL. */
  kill() {
    return this.#end('SIGKILL');
  }

  /** SIGTERM. */
  stop() {
    return this.#end('SIGTERM');
  }

  /** The end of the test. */
  async remove() {
    await this.kill();
    rmSync(this.#home, { recursive: true, force: true });
    if (this.log.includes('panicked at')) throw new Error(`the server panicked:\n${this.log}`);
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }
}
