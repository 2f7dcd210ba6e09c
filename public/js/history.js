// @ts-check
// Pages of a room's log over HTTP.

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */
/** @typedef {{ chats: RoomEvent[], before: number | null }} Page */

/** The most that one answer holds. */
export const PAGE_MAX = 200;

export class History {
  #address;

  /** @param {string} address the room's, without a slash at the end */
  constructor(address) {
    this.#address = address;
  }

  /** @param {number} limit */
  newest(limit) {
    return this.#page({ limit });
  }

  /** @param {number} seq */
  after(seq) {
    return this.#page({ after: seq, limit: PAGE_MAX });
  }

  /**
   * @param {number} seq
   * @param {number} limit
   */
  before(seq, limit) {
    return this.#page({ before: seq, limit });
  }

  /**
   * @param {Record<string, number>} query
   * @returns {Promise<Page>}
   */
  async #page(query) {
    const parameters = Object.entries(query).map(([name, value]) => `${name}=${value}`);
    const response = await fetch(`${this.#address}/chats?${parameters.join('&')}`, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(15_000),
    });
    if (!response.ok) throw new HistoryRefused(response.status);
    return response.json();
  }
}

export class HistoryRefused extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`history answered ${status}`);
    this.status = status;
  }
}
