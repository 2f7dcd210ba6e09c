// @ts-check
// The rooms of the lobby as cards: added, changed, taken away. DOM only.

import { GREY, isColour } from './colour.js';
import { byId, field, fromTemplate } from './page.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').Card} Card */

/** Newest first, and a full room after those one can enter. @param {Card} a @param {Card} b */
export function inOrder(a, b) {
  const full = Number(a.occupancy >= a.max) - Number(b.occupancy >= b.max);
  return full || (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0);
}

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
    const element = known ?? this.#made(card.id);
    const occupancy = field(element, 'occupancy').textContent;
    this.#fill(element, card);
    if (!known) this.#list.prepend(element);
    else if (occupancy !== field(element, 'occupancy').textContent) restart(element, 'changed');
    this.#tellEmpty();
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

  /** @param {string} id */
  #made(id) {
    const element = fromTemplate('card');
    element.dataset['room'] = id;
    element.querySelector('a')?.setAttribute('href', `${this.#page.base}/room/${id}`);
    element.classList.add('arrived');
    this.#elements.set(id, element);
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
    const meter = /** @type {HTMLMeterElement} */ (field(element, 'meter'));
    meter.max = card.max;
    meter.value = card.occupancy;
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
