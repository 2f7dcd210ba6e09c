// @ts-check
// Who is in the room, asked for when somebody came or went.

import { fillAvatar, shown } from './avatar.js';
import { byId, field, fromTemplate } from './page.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').Person} Person */

/** Many come at once: ask at most so often. */
const APART_MS = 1000;

export class Participants {
  #address;
  #scene;
  #ownerId;
  /** @type {Person[]} */
  #people = [];
  /** Whether something can be said to one alone at the moment. */
  #whispers = true;
  #told;
  #asking = false;
  #again = false;

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
    if (this.#asking) return;
    this.#asking = true;
    while (this.#again) {
      this.#again = false;
      await this.#ask();
      await new Promise((resolve) => setTimeout(resolve, APART_MS));
    }
    this.#asking = false;
  }

  async #ask() {
    try {
      const response = await fetch(`${this.#address}/occupants`, {
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(10_000),
      });
      if (!response.ok) return;
      this.#people = (await response.json()).occupants;
      this.#draw();
    } catch (error) {
      // The list stays as it was; the next coming or going asks again.
      console.warn('participants:', error);
    }
  }

  #draw() {
    const { me } = this.#scene;
    const rank = (/** @type {Person} */ { uid }) =>
      uid === me.uid ? 0 : uid === this.#ownerId ? 1 : 2;
    const sorted = [...this.#people].sort((a, b) => rank(a) - rank(b));
    const list = byId('occupants');
    const focused = document.activeElement?.closest('#occupants button');
    const place = focused && [focused.closest('li')?.dataset['uid'], focused.getAttribute('data-field')];
    list.replaceChildren(...sorted.map((person) => this.#row(person)));
    if (!place) return;
    const again = list.querySelector(`[data-uid="${place[0]}"] [data-field="${place[1]}"]`);
    /** @type {HTMLElement | null} */ (again)?.focus();
  }

  /** @param {Person} person */
  #row(person) {
    const { me, texts } = this.#scene;
    const row = fromTemplate('person');
    row.dataset['uid'] = person.uid;
    fillAvatar(row, person);
    field(row, 'name').textContent = shown(person);
    field(row, 'me').hidden = person.uid !== me.uid;
    field(row, 'owner').hidden = person.uid !== this.#ownerId;
    const kind = person.kind === 'browser' ? '' : (texts[person.kind] ?? '');
    const n = person.connections ?? 1;
    const connections = n > 1 ? fill(texts.connections, { n }) : '';
    field(row, 'kind').textContent = [kind, connections].filter(Boolean).join(' · ');
    const whisper = /** @type {HTMLButtonElement} */ (field(row, 'whisper'));
    whisper.hidden = !this.#whispers || person.uid === me.uid;
    name(whisper, fill(texts.whisperTo, { name: shown(person) }));
    whisper.addEventListener('click', () => this.#told.onWhisper(person));
    const manage = /** @type {HTMLButtonElement} */ (field(row, 'manage'));
    manage.hidden = me.uid !== this.#ownerId || person.uid === me.uid;
    name(manage, fill(texts.manage, { name: shown(person) }));
    manage.addEventListener('click', () => this.#told.onManage(person));
    return row;
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
