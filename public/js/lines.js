// @ts-check
// The list of lines: groups those of one author, separates days, folds coming and going. DOM only.

import { Chunks } from './chunks.js';
import { dayKey, dayName } from './moment.js';
import { messageLine, noticeText } from './render.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */
/** @typedef {import('./render.js').Scene} Scene */

/** Lines of one author within this time stand together. */
const GROUP_MS = 5 * 60_000;
/** So many comings and goings in a row are folded. */
const FOLD_FROM = 3;
/** So many make one line; more of them begin another. */
const FOLD_MAX = 100;

/** @param {RoomEvent | undefined} event */
const isPassing = (event) => event?.type === 'join' || event?.type === 'exit';

export class Lines {
  #chunks;
  #scene;
  /** @type {Element | null} the mark at the first line that has not been seen */
  #unread = null;
  /** @type {WeakMap<Element, RoomEvent[]>} what each line shows, oldest first */
  #shown = new WeakMap();

  /**
   * @param {HTMLElement} box
   * @param {Scene} scene
   * @param {(grown: import('./chunks.js').Grown[]) => void} onGrown
   */
  constructor(box, scene, onGrown) {
    this.#chunks = new Chunks(box, onGrown);
    this.#scene = scene;
  }

  get count() {
    return this.#chunks.count;
  }

  /**
   * @param {RoomEvent[]} events oldest first, newer than all that is shown
   * @param {RoomEvent} [unread] the first of them that has not been seen, to be marked
   */
  append(events, unread) {
    const made = this.#build(events, this.#chunks.last);
    this.#chunks.append(made);
    const first = unread && made.find((line) => this.#shown.get(line)?.[0] === unread);
    if (first) this.#mark(first);
  }

  /** The line from which on one has not seen what was said; null when there is none. */
  get unread() {
    return this.#unread?.isConnected ? this.#unread : null;
  }

  /** @param {Element} line */
  #mark(line) {
    this.#unread?.remove();
    const mark = document.createElement('p');
    mark.className = 'unread';
    mark.textContent = this.#scene.texts.unread;
    const day = line.querySelector(':scope > .day');
    if (day) day.after(mark);
    else line.prepend(mark);
    this.#unread = mark;
  }

  /** @param {RoomEvent[]} events oldest first, older than all that is shown */
  prepend(events) {
    const made = this.#build(events, null);
    const seam = this.#chunks.first;
    this.#chunks.prepend(made);
    const last = made.at(-1);
    if (seam && last) this.#place(seam, last);
  }

  /**
   * Takes the oldest lines away, and says the seq of the oldest that is left; whispers have none.
   * @param {number} max
   */
  trim(max) {
    this.#chunks.trim(max);
    const { first } = this.#chunks;
    if (first) this.#place(first, null);
    for (const line of this.#chunks) {
      const seq = this.#shown.get(line)?.[0]?.seq;
      if (seq) return seq;
    }
    return 0;
  }

  /**
   * @param {RoomEvent[]} events
   * @param {Element | null} before the line that they follow
   */
  #build(events, before) {
    const made = [];
    for (const event of events) {
      if (this.#joinNotice(event, before)) continue;
      const line = event.user === 'system' ? this.#notice(event) : messageLine(event, this.#scene);
      this.#shown.set(line, [event]);
      this.#place(line, before);
      made.push(line);
      before = line;
    }
    return made;
  }

  /**
   * One more coming or going is added to the line that already tells of them.
   * @param {RoomEvent} event
   * @param {Element | null} line
   */
  #joinNotice(event, line) {
    const events = line && this.#shown.get(line);
    const last = events?.at(-1);
    if (!line || !events || !last || events.length >= FOLD_MAX) return false;
    if (!isPassing(event) || !isPassing(last)) return false;
    if (dayKey(new Date(last.createdAt)) !== dayKey(new Date(event.createdAt))) return false;
    events.push(event);
    this.#fold(line, events);
    return true;
  }

  /** @param {RoomEvent} event */
  #notice(event) {
    const line = document.createElement('li');
    line.className = 'notice';
    line.append(noticeText(event, this.#scene.texts));
    return line;
  }

  /**
   * @param {Element} line
   * @param {RoomEvent[]} events
   */
  #fold(line, events) {
    const day = line.querySelector(':scope > .day');
    const texts = events.map((event) => noticeText(event, this.#scene.texts));
    if (events.length < FOLD_FROM) return line.replaceChildren(...(day ? [day] : []), ...texts);
    const open = line.querySelector('details')?.open ?? false;
    const details = document.createElement('details');
    const summary = document.createElement('summary');
    summary.textContent = this.#summary(events);
    details.append(summary, ...texts);
    details.open = open;
    line.replaceChildren(...(day ? [day] : []), details);
  }

  /** @param {RoomEvent[]} events */
  #summary(events) {
    const n = events.filter(({ type }) => type === 'join').length;
    const m = events.length - n;
    const { texts } = this.#scene;
    if (m === 0) return fill(texts.joined, { n });
    if (n === 0) return fill(texts.left, { n: m });
    return fill(texts.joinedAndLeft, { n, m });
  }

  /**
   * Sets what depends on the line before: the day, the group, the minute.
   * @param {Element} line
   * @param {Element | null} before
   */
  #place(line, before) {
    const event = this.#shown.get(line)?.[0];
    if (!event) return;
    const earlier = before ? this.#shown.get(before)?.at(-1) : undefined;
    const now = new Date(event.createdAt);
    const then = earlier ? new Date(earlier.createdAt) : null;
    const sameDay = then !== null && dayKey(then) === dayKey(now);
    this.#separate(line, sameDay ? null : now);
    const apart = then ? now.getTime() - then.getTime() : Infinity;
    const isChat = event.type === 'chat' && earlier?.type === 'chat';
    const follows = sameDay && isChat && earlier.uid === event.uid && earlier.to === event.to && apart < GROUP_MS;
    line.classList.toggle('follows', follows);
    const sameMinute = follows && then?.getMinutes() === now.getMinutes();
    before?.classList.toggle('same-minute', sameMinute);
  }

  /**
   * @param {Element} line
   * @param {Date | null} day a new day that begins with this line
   */
  #separate(line, day) {
    line.querySelector(':scope > .day')?.remove();
    if (!day) return;
    const separator = document.createElement('p');
    separator.className = 'day';
    const { today, yesterday } = this.#scene.texts;
    separator.textContent = dayName(day, new Date(), { today, yesterday });
    line.prepend(separator);
  }
}
