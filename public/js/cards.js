// @ts-check
// The rooms of the lobby as cards: added, changed, taken away. DOM only.

import { GREY, isColour } from './colour.js';
import { byId, field, fromTemplate } from './page.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').Card} Card */

/** Cards on the page. Of more rooms, the newest are shown. */
const CARDS_MAX = 500;

export class Cards {
  #list = byId('rooms');
  #page;
  /** @type {Map<string, HTMLElement>} */
  #elements = new Map();

  /** @param {{ base: string, me: { uid: string }, texts: Record<string, any> }} page */
  constructor(page) {
    this.#page = page;
    for (const element of this.#list.querySelectorAll('[data-room]')) {
      const card = /** @type {HTMLElement} */ (element);
      this.#elements.set(card.dataset['room'] ?? '', card);
    }
    this.#tellEmpty();
  }

  /** @returns {string[]} */
  get ids() {
    return [...this.#elements.keys()];
  }

  /** @param {Card} card */
  put(card) {
    const known = this.#elements.get(card.id);
    if (!known) return this.#insert(card);
    const occupancy = field(known, 'occupancy').textContent;
    this.#fill(known, card);
    if (occupancy !== field(known, 'occupancy').textContent) restart(known, 'changed');
  }

  /** @param {string} id */
  remove(id) {
    const element = this.#elements.get(id);
    if (!element) return;
    const next = element.nextElementSibling ?? element.previousElementSibling;
    if (element.contains(document.activeElement)) next?.querySelector('a')?.focus();
    element.remove();
    this.#elements.delete(id);
    this.#tellEmpty();
  }

  /**
   * Newest first.
   * @param {Card} card
   */
  #insert(card) {
    const isOlder = (/** @type {Element} */ other) =>
      (/** @type {HTMLElement} */ (other).dataset['created'] ?? '') < card.createdAt;
    const last = /** @type {HTMLElement | null} */ (this.#list.lastElementChild);
    const isFull = last !== null && this.#elements.size >= CARDS_MAX;
    if (isFull && !isOlder(last)) return;
    const next = [...this.#list.children].find(isOlder) ?? null;
    this.#list.insertBefore(this.#made(card), next);
    if (isFull) this.remove(last.dataset['room'] ?? '');
    this.#tellEmpty();
  }

  /** @param {Card} card */
  #made(card) {
    const element = fromTemplate('card');
    element.dataset['room'] = card.id;
    element.dataset['created'] = card.createdAt;
    element.querySelector('a')?.setAttribute('href', `${this.#page.base}/room/${card.id}`);
    element.classList.add('arrived');
    this.#elements.set(card.id, element);
    this.#fill(element, card);
    return element;
  }

  /**
   * @param {HTMLElement} element
   * @param {Card} card
   */
  #fill(element, card) {
    const { me, texts } = this.#page;
    field(element, 'title').textContent = card.title;
    field(element, 'yours').hidden = card.ownerId !== me.uid;
    field(element, 'locked').hidden = !card.locked;
    field(element, 'offRecord').hidden = !card.offRecord;
    field(element, 'full').hidden = card.occupancy < card.max;
    field(element, 'owner').textContent = card.owner;
    field(element, 'ownerColour').setAttribute('fill', isColour(card.owner) ? card.owner : GREY);
    const share = /** @type {HTMLProgressElement} */ (field(element, 'share'));
    share.max = card.max;
    share.value = card.occupancy;
    const values = { n: card.occupancy, max: card.max };
    field(element, 'occupancy').textContent = fill(texts.occupancy, values);
  }

  #tellEmpty() {
    byId('empty').hidden = this.#elements.size > 0;
  }
}

/**
 * Plays an animation again.
 * @param {HTMLElement} element
 * @param {string} name
 */
function restart(element, name) {
  element.classList.remove(name);
  requestAnimationFrame(() => element.classList.add(name));
}
