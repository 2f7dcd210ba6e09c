// @ts-check
// Who is in the room, asked for when somebody came or went.

import { fillAvatar, shown } from './avatar.js';
import { byId, field, fromTemplate } from './page.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').Person} Person */

/** Many come at once: ask at most so often. */
const APART_MS = 1000;
/** What was not answered is asked again. */
const RETRY_MS = 3000;
/** That somebody is lost, or back, is no event: asked for while it may happen, a long list less often. */
const WATCHED_MS = 5000;
const WATCHED_EACH_MS = 50;

export class Participants {
  #address;
  #scene;
  #ownerId;
  /** @type {Person[]} */
  #people = [];
  /** @type {Map<string, { row: HTMLElement, person: Person }>} by uid */
  #rows = new Map();
  /** Whether something can be said to one alone at the moment. */
  #whispers = true;
  #told;
  #asking = false;
  #again = false;
  /** Ends the wait between two looks. */
  #wake = () => {};
  #ended = false;

  /**
   * @param {string} address the room's
   * @param {import('./render.js').Scene} scene
   * @param {string} ownerId
   * @param {{ onWhisper: (person: Person) => void, onManage: (person: Person) => void }} told
   */
  constructor(address, scene, ownerId, told) {
    this.#told = told;
    this.#address = address;
    this.#scene = scene;
    this.#ownerId = ownerId;
    document.addEventListener('visibilitychange', () => this.#isWatching() && this.refresh());
  }

  /** @param {string} ownerId */
  ownedBy(ownerId) {
    if (ownerId === this.#ownerId) return;
    this.#ownerId = ownerId;
    this.#draw();
  }

  /** @param {boolean} possible */
  offerWhispers(possible) {
    if (possible === this.#whispers) return;
    this.#whispers = possible;
    this.#draw();
  }

  /** @param {string} uid */
  nameOf(uid) {
    const person = this.#people.find((person) => person.uid === uid);
    return person ? shown(person) : uid;
  }

  async refresh() {
    this.#again = true;
    this.#wake();
    if (this.#asking) return;
    this.#asking = true;
    while (this.#again) {
      this.#again = false;
      const answered = await this.#ask();
      await new Promise((resolve) => setTimeout(resolve, answered ? APART_MS : RETRY_MS));
      if (!this.#again && answered && this.#isWatching()) await this.#watch();
      this.#again ||= !answered || this.#isWatching();
    }
    this.#asking = false;
  }

  /** Whether somebody here may be lost or back without a word: people are seldom, devices often. */
  #isWatching() {
    const may = (/** @type {Person} */ { kind, connections }) => kind === 'device' || connections === 0;
    return !this.#ended && !document.hidden && this.#people.some(may);
  }

  #watch() {
    const pause = WATCHED_MS + this.#people.length * WATCHED_EACH_MS;
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
      setTimeout(resolve, pause);
    });
  }

  /** The room is over for us: nothing more is asked. */
  end() {
    this.#ended = true;
    this.#wake();
  }

  /** @returns {Promise<boolean>} false: to be asked again; the list stays as it was */
  async #ask() {
    if (this.#ended) return true;
    try {
      const response = await fetch(`${this.#address}/occupants`, {
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(10_000),
      });
      // Refused for good: the connection will learn why.
      if (!response.ok) return response.status < 500 && response.status !== 429;
      this.#people = (await response.json()).occupants;
      this.#draw();
      return true;
    } catch (error) {
      console.warn('participants:', error);
      return false;
    }
  }

  /** A row stays the same element as long as its person does: it may be under a finger. */
  #draw() {
    if (this.#ended) return;
    const { me } = this.#scene;
    const rank = (/** @type {Person} */ { uid }) =>
      uid === me.uid ? 0 : uid === this.#ownerId ? 1 : 2;
    const sorted = [...this.#people].sort((a, b) => rank(a) - rank(b));
    const here = new Set(sorted.map(({ uid }) => uid));
    for (const [uid, { row }] of this.#rows) {
      if (here.has(uid)) continue;
      row.remove();
      this.#rows.delete(uid);
    }
    const list = byId('occupants');
    for (const [place, person] of sorted.entries()) {
      const row = this.#row(person);
      const other = list.children[place] ?? null;
      if (row === other) continue;
      // What is moved loses the focus.
      const focused = row.contains(document.activeElement) ? document.activeElement : null;
      list.insertBefore(row, other);
      /** @type {HTMLElement | null} */ (focused)?.focus();
    }
  }

  /** @param {Person} person */
  #row(person) {
    const known = this.#rows.get(person.uid);
    const entry = known ?? { row: this.#made(person.uid), person };
    entry.person = person;
    this.#rows.set(person.uid, entry);
    this.#fill(entry.row, person);
    return entry.row;
  }

  /** @param {string} uid */
  #made(uid) {
    const row = fromTemplate('person');
    row.dataset['uid'] = uid;
    const person = () => this.#rows.get(uid)?.person;
    for (const [name, told] of /** @type {const} */ ([['whisper', 'onWhisper'], ['manage', 'onManage']])) {
      field(row, name).addEventListener('click', () => {
        const whom = person();
        if (whom) this.#told[told](whom);
      });
    }
    return row;
  }

  /**
   * @param {HTMLElement} row
   * @param {Person} person
   */
  #fill(row, person) {
    const { me, texts } = this.#scene;
    fillAvatar(row, person);
    field(row, 'name').textContent = shown(person);
    field(row, 'me').hidden = person.uid !== me.uid;
    field(row, 'owner').hidden = person.uid !== this.#ownerId;
    const kind = person.kind === 'browser' ? '' : (texts[person.kind] ?? '');
    const n = person.connections ?? 1;
    const connections = n > 1 ? fill(texts.connections, { n }) : '';
    const isAway = person.connections === 0;
    const away = isAway ? texts.away : '';
    field(row, 'kind').textContent = [kind, connections, away].filter(Boolean).join(' · ');
    field(row, 'chip').toggleAttribute('hidden', person.kind !== 'device');
    row.classList.toggle('away', isAway);
    const whisper = field(row, 'whisper');
    whisper.hidden = !this.#whispers || person.uid === me.uid;
    name(whisper, fill(texts.whisperTo, { name: shown(person) }));
    const manage = field(row, 'manage');
    manage.hidden = me.uid !== this.#ownerId || person.uid === me.uid;
    name(manage, fill(texts.manage, { name: shown(person) }));
  }
}

/**
 * Says what a button without words does.
 * @param {HTMLElement} button
 * @param {string} words
 */
function name(button, words) {
  button.setAttribute('aria-label', words);
  button.title = words;
}
