// @ts-check
// The order of a room's log: by seq, without doubles, with holes noticed. Pure: no DOM, no network.

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */

/** Live events kept while a hole before them is fetched. More are dropped: the fetch brings them. */
const HELD_MAX = 1000;

/**
 * Takes events from anywhere in any order, and gives back those that are next to be shown.
 * Until the first page has come, live events wait.
 */
export class Log {
  /** The oldest and the newest seq that were given out; 0 when none. */
  first = 0;
  last = 0;
  #started = false;
  /** @type {Map<number, RoomEvent>} */
  #held = new Map();

  /** Whether something is missing before an event that has already come. */
  get hole() {
    return this.#held.size > 0;
  }

  /**
   * An event as it happens.
   * @param {RoomEvent} event
   * @returns {RoomEvent[]}
   */
  live(event) {
    if (event.seq <= this.last) return [];
    if (this.#held.size < HELD_MAX) this.#held.set(event.seq, event);
    return this.#started ? this.#drain() : [];
  }

  /**
   * A page of history that begins right after `last` (or is the newest, when nothing was known).
   * What it leaves out does not exist.
   * @param {RoomEvent[]} events
   * @returns {RoomEvent[]}
   */
  page(events) {
    this.#started = true;
    const next = events.filter(({ seq }) => seq > this.last).sort((a, b) => a.seq - b.seq);
    const given = [];
    for (const event of next) {
      if (event.seq > this.last) given.push(this.#give(event));
    }
    return given.concat(this.#drain());
  }

  /**
   * A page of what was before `first`.
   * @param {RoomEvent[]} events
   * @returns {RoomEvent[]}
   */
  older(events) {
    const earlier = events.filter(({ seq }) => seq < this.first).sort((a, b) => a.seq - b.seq);
    if (earlier[0]) this.first = earlier[0].seq;
    return earlier;
  }

  /**
   * The history does not have what is missing: go on without it.
   * @returns {RoomEvent[]}
   */
  skip() {
    const given = [];
    for (const event of [...this.#held.values()].sort((a, b) => a.seq - b.seq)) {
      if (event.seq > this.last) given.push(this.#give(event));
    }
    this.#held.clear();
    return given;
  }

  /**
   * Events before `seq` are no longer shown, and may be asked for again.
   * @param {number} seq
   */
  forgetBefore(seq) {
    this.first = Math.max(this.first, seq);
  }

  /** @returns {RoomEvent[]} */
  #drain() {
    const given = [];
    for (const seq of this.#held.keys()) if (seq <= this.last) this.#held.delete(seq);
    for (let next; (next = this.#held.get(this.last + 1)); ) {
      this.#held.delete(next.seq);
      given.push(this.#give(next));
    }
    return given;
  }

  /** @param {RoomEvent} event */
  #give(event) {
    this.last = event.seq;
    this.first ||= event.seq;
    return event;
  }
}
