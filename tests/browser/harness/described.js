// @ts-check
// The API's descriptions, read as programs read them: each answer is held against what they say.

import assert from 'node:assert/strict';

import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** @typedef {import('./program.js').Program} Program */
/** @typedef {Record<string, any>} Json */

export class Described {
  /** What was seen: `POST /room 201 application/json`, and `POST /room < application/json`. */
  seen = new Set();
  #ajv = new Ajv2020({ strict: false, allErrors: true });

  /** @param {Json} openapi */
  constructor(openapi) {
    this.openapi = openapi;
    /** @type {any} */ (addFormats)(this.#ajv);
    this.#ajv.addSchema(openapi, 'openapi.json');
  }

  /**
   * What is wrong with a value; null for nothing.
   * @param {Json} schema
   * @param {unknown} value
   */
  fault(schema, value) {
    const check = this.#ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi.json#/')));
    return check(value) ? null : `${JSON.stringify(value)}: ${this.#ajv.errorsText(check.errors)}`;
  }

  /** A reference is followed. @param {Json} it @returns {Json} */
  real(it) {
    if (!it['$ref']) return it;
    return it['$ref'].split('/').slice(1).reduce((/** @type {any} */ part, /** @type {string} */ name) => part[name], this.openapi);
  }

  /**
   * Asks, and compares the answer with the description of its status.
   * @param {Program} who
   * @param {string} operation as in `POST /room/{id}/chat`
   * @param {Record<string, string>} places what stands for `{id}`
   * @param {{ query?: string, json?: unknown, form?: string, text?: string, parts?: FormData, headers?: Record<string, string> }} [wish]
   * @returns {Promise<any>} the body: parsed, when it is JSON
   */
  async ask(who, operation, places, { query = '', json, form, text, parts, headers = {} } = {}) {
    const [method = '', template = ''] = operation.split(' ');
    const path = template.replace(/\{(\w+)\}/g, (_, name) => places[name] ?? '');
    const described = this.openapi.paths[template]?.[method.toLowerCase()];
    assert.ok(described, `${operation} is not described`);
    const [type, body] = json !== undefined ? ['application/json', JSON.stringify(json)]
      : form !== undefined ? ['application/x-www-form-urlencoded', form]
      : text !== undefined ? ['text/plain', text]
      : [parts && 'multipart/form-data', parts];
    /** @type {Record<string, string>} */
    const kind = type && !parts ? { 'content-type': type } : {};
    const response = await who.ask(method, path + query, { headers: { ...kind, ...headers }, ...(body && { body }) });
    const what = `${operation} ${response.status}`;
    const answer = this.real(described.responses[response.status] ?? {});
    if (!answer['description']) assert.fail(`${what} is not described: ${await response.text()}`);
    for (const [name, header] of Object.entries(answer['headers'] ?? {})) {
      const value = response.headers.get(name);
      assert.ok(value !== null || !header.required, `${what}: no ${name}`);
      const read = header.schema.type === 'integer' ? Number(value) : value;
      if (value !== null) assert.equal(this.fault(header.schema, read), null, `${what}: ${name}`);
    }
    const given = response.headers.get('content-type')?.split(';')[0] ?? '';
    this.seen.add(what);
    // What was sent and taken is as it is described, too.
    if (type && response.status < 400) {
      const asked = described.requestBody?.content[type];
      assert.ok(asked, `${operation} takes ${type}`);
      if (json !== undefined) assert.equal(this.fault(asked.schema, json), null, what);
      this.seen.add(`${operation} < ${type}`);
    }
    if (!answer['content']) {
      assert.equal(await response.text(), '', `${what} has no body`);
      return null;
    }
    const range = [given, `${given.split('/')[0]}/*`, '*/*'].find((one) => one in answer['content']);
    assert.ok(range, `${what} is not described as ${given}`);
    this.seen.add(`${what} ${range}`);
    if (range === 'text/event-stream') {
      await response.body?.cancel();
      return null;
    }
    if (!given.endsWith('json')) return response.text();
    const value = /** @type {any} */ (await response.json());
    assert.equal(this.fault(answer['content'][range].schema, value), null, what);
    return value;
  }

  /** Everything that the document promises: each status and type of each operation. */
  *promises() {
    for (const [template, path] of Object.entries(this.openapi.paths)) {
      for (const [method, operation] of Object.entries(/** @type {Json} */ (path))) {
        if (method === 'parameters') continue;
        const name = `${method.toUpperCase()} ${template}`;
        for (const type of Object.keys(operation.requestBody?.content ?? {})) yield `${name} < ${type}`;
        for (const [status, answer] of Object.entries(/** @type {Json} */ (operation.responses))) {
          if (status === 'default') continue;
          yield `${name} ${status}`;
          // A shared answer's types are tried somewhere.
          for (const type of Object.keys(answer.content ?? {})) yield `${name} ${status} ${type}`;
        }
      }
    }
  }
}
