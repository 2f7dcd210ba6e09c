// @ts-check
// A program that speaks HTTP: with a session that it keeps, and no page.

/** @typedef {{ headers?: Record<string, string>, body?: string | FormData | Uint8Array<ArrayBuffer> }} Wish */

export class Program {
  #url;
  #cookie = '';

  /** @param {{ url: string }} server */
  constructor(server) {
    this.#url = server.url;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Wish} [wish]
   */
  async ask(method, path, { headers = {}, body } = {}) {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      redirect: 'manual',
      headers: { accept: 'application/json', ...(this.#cookie && { cookie: this.#cookie }), ...headers },
      ...(body !== undefined && { body }),
    }).catch((error) => {
      throw new Error(`${method} ${path}: ${error.cause ?? error}`);
    });
    const given = response.headers.get('set-cookie');
    if (given) this.#cookie = given.split(';')[0] ?? '';
    return response;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} value
   */
  json(method, path, value) {
    return this.ask(method, path, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
  }

  /**
   * Makes a room that stays.
   * @param {Record<string, unknown>} [wish]
   * @returns {Promise<string>} its id
   */
  async room(wish = {}) {
    const made = await this.json('POST', '/room', { title: 'a room', keep: true, ...wish });
    if (made.status !== 201) throw new Error(`${made.status}: ${await made.text()}`);
    return /** @type {any} */ (await made.json()).id;
  }
}
