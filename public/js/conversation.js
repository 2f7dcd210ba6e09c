// @ts-check
// The conversation of a room: live events and history become lines on the page.

import { HistoryRefused, PAGE_MAX } from './history.js';
import { Lines } from './lines.js';
import { Log } from './log.js';
import { byId, field, tell } from './page.js';
import { Scroll } from './scroll.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */

/** Lines on the page while the reader follows; the oldest beyond it go, and can be scrolled back. */
const LINES_MAX = 1500;
const LINES_KEPT = 1000;
/** Of so many whispers it is remembered that they were shown. */
const WHISPERS_MAX = 200;
/** While the reader is further up. At it no older ones are loaded, and newer ones push them out. */
const LINES_READING_MAX = 20_000;
const OLDER_PAGE = 100;
const RETRY_MS = 3000;

/**
 * @typedef {object} ConversationOptions
 * @property {import('./render.js').Scene} scene
 * @property {import('./history.js').History} history
 * @property {RoomEvent[]} events the newest, as the page brought them
 * @property {number | null} before
 * @property {(event: RoomEvent) => void} onEvent told of each event once, in order
 * @property {(status: number) => void} onRefused the history is closed to us
 */

export class Conversation {
  #options;
  #log = new Log();
  #lines;
  #scroll;
  /** @type {RoomEvent[]} */
  #queue = [];
  #drawing = false;
  #catching = false;
  #again = false;
  #loading = false;
  /** @type {Set<string>} */
  #whispers = new Set();
  #more;
  #unread = 0;
  /** Whether what was said last has been seen. */
  #seen = true;
  #start = byId('start');
  #button = byId('to-bottom');

  /** @param {ConversationOptions} options */
  constructor(options) {
    this.#options = options;
    this.#more = options.before !== null;
    this.#lines = new Lines(byId('messages'), options.scene, (grown) => this.#scroll.grown(grown));
    this.#scroll = new Scroll(byId('log'), () => this.#moved());
    this.#button.addEventListener('click', () => this.#scroll.toBottom());
    if (options.events.length > 0) this.#lines.append(this.#log.page(options.events));
    this.#tellStart();
    this.#loadOlder();
  }

  /** The newest seq that is known; 0 when none. */
  get last() {
    return this.#log.last;
  }

  /**
   * An event as it happens, or as an answer to what we did.
   * @param {RoomEvent} event
   */
  receive(event) {
    this.#show(this.#log.live(event));
    if (this.#log.hole) this.catchUp();
  }

  /**
   * What is said between two is no part of the log: it stands where it came, as long as the page does.
   * @param {RoomEvent} event
   */
  whisper(event) {
    // Sent again because no answer came, it may come twice.
    const mark = `${event.uid} ${event.key ?? event.id}`;
    if (this.#whispers.has(mark)) return this.drawn(event);
    this.#whispers.add(mark);
    const [oldest] = this.#whispers;
    if (oldest && this.#whispers.size > WHISPERS_MAX) this.#whispers.delete(oldest);
    this.#show([event]);
  }

  /** Asks for everything after the last line; again after that, when asked again meanwhile. */
  async catchUp() {
    this.#again = true;
    if (this.#catching) return;
    this.#catching = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#fetchNewer();
      }
    } catch (error) {
      if (error instanceof HistoryRefused && error.status < 500 && error.status !== 429) {
        this.#options.onRefused(error.status);
      } else {
        setTimeout(() => this.catchUp(), RETRY_MS);
      }
    } finally {
      this.#catching = false;
    }
  }

  /**
   * Changes the lines that are not in the log yet, without moving the reader.
   * @param {() => void} change
   */
  keep(change) {
    this.#scroll.keep(change);
  }

  /** The page is looked at again: at the first line that came meanwhile, if it is out of sight. */
  seen() {
    const mark = this.#seen ? null : this.#lines.unread;
    const isAbove = mark && mark.getBoundingClientRect().top < byId('log').getBoundingClientRect().top;
    if (isAbove) mark.scrollIntoView({ block: 'start' });
    this.#moved();
  }

  /** After I said something, I want to see it. */
  toBottom() {
    if (!this.#scroll.following) this.#scroll.toBottom();
  }

  async #fetchNewer() {
    const { history } = this.#options;
    for (;;) {
      const last = this.#log.last;
      const { chats, before } = await (last ? history.after(last) : history.newest(50));
      this.#show(this.#log.page(chats));
      if (!last) this.#more = before !== null;
      if (chats.length < PAGE_MAX || this.#log.last === last) break;
    }
    if (this.#log.hole && !this.#again) this.#show(this.#log.skip());
  }

  /** @param {RoomEvent[]} events */
  #show(events) {
    if (events.length === 0) return;
    for (const event of events) this.#options.onEvent(event);
    this.#queue.push(...events);
    if (this.#drawing) return;
    this.#drawing = true;
    const draw = () => this.#draw();
    // A hidden page gets no frames.
    if (document.hidden) setTimeout(draw, 100);
    else requestAnimationFrame(draw);
  }

  /** Once per frame, however many events came. */
  #draw() {
    this.#drawing = false;
    const events = this.#queue.splice(0);
    const following = this.#scroll.following;
    const news = events.filter((event) => this.#isNews(event));
    const isSeen = following && !document.hidden;
    const unread = this.#seen && !isSeen ? news[0] : undefined;
    if (unread) this.#seen = false;
    this.#scroll.keep(() => {
      this.#lines.append(events, unread);
      for (const event of events) this.drawn(event);
    });
    if (following) this.#trim(LINES_MAX, LINES_KEPT);
    else this.#trim(LINES_READING_MAX, LINES_READING_MAX);
    if (!following) this.#unread += news.length;
    this.#tellStart();
    this.#moved();
  }

  /**
   * Told in the same frame as the line appears, to take away what stood for it.
   * @type {(event: RoomEvent) => void}
   */
  drawn = () => {};

  /** @param {RoomEvent} event */
  #isNews(event) {
    return event.type === 'chat' && event.uid !== this.#options.scene.me.uid;
  }

  /**
   * @param {number} max
   * @param {number} kept
   */
  #trim(max, kept) {
    if (this.#lines.count <= max) return;
    this.#log.forgetBefore(this.#lines.trim(kept));
    this.#more = true;
  }

  /** Fetches what is before the oldest line, when the reader is near it. */
  async #loadOlder() {
    if (!this.#more || this.#loading || this.#log.first === 0 || !this.#scroll.nearTop) return;
    if (this.#lines.count >= LINES_READING_MAX) return;
    this.#loading = true;
    this.#tellStart();
    const box = byId('log');
    try {
      const { chats, before } = await this.#options.history.before(this.#log.first, OLDER_PAGE);
      const older = this.#log.older(chats);
      this.#more = before !== null && older.length > 0;
      // A screen reader is to hear new lines, not these.
      box.setAttribute('aria-live', 'off');
      this.#lines.prepend(older);
      this.#loading = false;
      this.#tellStart();
    } catch {
      this.#start.textContent = this.#options.scene.texts.historyFailed;
      setTimeout(() => {
        this.#loading = false;
        this.#loadOlder();
      }, RETRY_MS);
      return;
    } finally {
      setTimeout(() => box.setAttribute('aria-live', 'polite'), 500);
    }
    this.#loadOlder();
  }

  #tellStart() {
    const { texts } = this.#options.scene;
    const atStart = this.#lines.count === 0 ? 'emptyLog' : 'beginning';
    const text = this.#loading ? 'loading' : this.#more ? '' : atStart;
    tell(this.#start, texts[text] ?? '');
  }

  #moved() {
    const { following } = this.#scroll;
    if (following) this.#unread = 0;
    if (following && !document.hidden) this.#seen = true;
    this.#loadOlder();
    this.#button.hidden = following;
    this.#button.classList.toggle('news', this.#unread > 0);
    const { texts } = this.#options.scene;
    const label = this.#unread
      ? fill(texts.newMessages, { n: this.#unread })
      : texts.toBottom;
    tell(field(this.#button, 'label'), label);
  }
}
