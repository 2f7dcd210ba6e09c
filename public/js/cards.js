// @ts-check
// The rooms of the lobby as cards: found, sorted, changed, taken away. DOM only.
//
// All rooms are known, few are drawn: more when the reader comes near the end of the list.

import { GREY, isColour } from './colour.js';
import { ago } from './moment.js';
import { byId, field, fromTemplate } from './page.js';
import { chosen } from './rooms.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').Card} Card */

/** So many cards are drawn at first, and so many more at a time. */
const CARDS_STEP = 120;
/** With more rooms than this, one may search. */
const FEW = 10;
/** Of many rooms, changes are drawn at most so often. */
const MANY = 500;
const APART_MS = 250;
const AGE_MS = 30_000;

export class Cards {
  #list = byId('rooms');
  #page;
  /** @type {Map<string, Card>} */
  #cards = new Map();
  /** @type {Map<string, HTMLElement>} what is drawn */
  #elements = new Map();
  /** @type {WeakMap<HTMLElement, Card>} what each of them shows */
  #filled = new WeakMap();
  #limit = CARDS_STEP;
  /** What is there from the start does not arrive. */
  #isFresh = true;
  #isPlanned = false;
  #find = /** @type {HTMLFormElement} */ (byId('find'));
  #words = /** @type {HTMLInputElement} */ (byId('find-words'));
  #order = /** @type {HTMLSelectElement} */ (byId('find-order'));
  #collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

  /** @param {{ base: string, me: { uid: string }, texts: Record<string, any> }} page */
  constructor(page) {
    this.#page = page;
    for (const element of this.#list.querySelectorAll('[data-room]')) {
      const card = this.#read(/** @type {HTMLElement} */ (element));
      this.#cards.set(card.id, card);
      this.#elements.set(card.id, /** @type {HTMLElement} */ (element));
    }
    this.#watchFind();
    new IntersectionObserver(([end]) => end?.isIntersecting && this.#more(), { rootMargin: '800px' })
      .observe(byId('rooms-end'));
    setInterval(() => this.#tellAges(), AGE_MS);
    this.#draw();
  }

  /** @returns {string[]} */
  get ids() {
    return [...this.#cards.keys()];
  }

  /** @param {string} id */
  get(id) {
    return this.#cards.get(id);
  }

  /** @param {Card} card */
  put(card) {
    this.#cards.set(card.id, card);
    this.#plan();
  }

  /** @param {string} id */
  remove(id) {
    if (this.#cards.delete(id)) this.#plan();
  }

  #watchFind() {
    // Coming back from a room, one finds what one had searched for.
    this.#words.value = sessionStorage.getItem('find') ?? '';
    this.#order.value = sessionStorage.getItem('order') ?? 'newest';
    this.#find.addEventListener('submit', (event) => event.preventDefault());
    this.#find.addEventListener('input', () => {
      sessionStorage.setItem('find', this.#words.value);
      sessionStorage.setItem('order', this.#order.value);
      this.#limit = CARDS_STEP;
      this.#draw();
    });
    byId('find-all').addEventListener('click', () => {
      this.#words.value = '';
      this.#find.dispatchEvent(new Event('input'));
      this.#words.focus();
    });
  }

  #more() {
    if (this.#elements.size < this.#limit) return;
    this.#limit += CARDS_STEP;
    this.#draw();
  }

  /** However many changes come together, they are drawn once. */
  #plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    const draw = () => this.#draw();
    if (document.hidden || this.#cards.size > MANY) setTimeout(draw, APART_MS);
    else requestAnimationFrame(draw);
  }

  #draw() {
    this.#isPlanned = false;
    const isMany = this.#cards.size > FEW;
    this.#find.hidden = !isMany;
    const words = isMany ? this.#words.value : '';
    const order = isMany ? /** @type {import('./rooms.js').Order} */ (this.#order.value) : 'newest';
    const found = chosen(this.#cards.values(), words, order, this.#collator);
    const shown = found.slice(0, this.#limit);
    this.#leave(new Set(shown.map(({ id }) => id)));
    this.#arrange(shown);
    this.#isFresh = false;
    this.#tell(found.length, words);
  }

  /** @param {Set<string>} kept */
  #leave(kept) {
    for (const [id, element] of this.#elements) {
      if (kept.has(id)) continue;
      const next = element.nextElementSibling ?? element.previousElementSibling;
      if (element.contains(document.activeElement)) next?.querySelector('a')?.focus();
      element.remove();
      this.#elements.delete(id);
    }
  }

  /** @param {Card[]} shown */
  #arrange(shown) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    let next = this.#list.firstElementChild;
    for (const card of shown) {
      const known = this.#elements.get(card.id);
      const element = known ?? this.#made(card);
      if (known && this.#filled.get(known) !== card) this.#change(known, card);
      if (element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(element, next);
    }
    if (focused !== document.activeElement && this.#list.contains(focused)) focused?.focus();
  }

  /**
   * @param {HTMLElement} element
   * @param {Card} card
   */
  #change(element, card) {
    const occupancy = field(element, 'occupancy').textContent;
    this.#fill(element, card);
    if (occupancy !== field(element, 'occupancy').textContent) restart(element, 'changed');
  }

  /** @param {Card} card */
  #made(card) {
    const element = fromTemplate('card');
    element.dataset['room'] = card.id;
    element.querySelector('a')?.setAttribute('href', `${this.#page.base}/room/${card.id}`);
    // Of many at once, none is to dance.
    element.classList.toggle('arrived', !this.#isFresh && this.#limit === CARDS_STEP && this.#cards.size <= MANY);
    this.#elements.set(card.id, element);
    this.#fill(element, card);
    return element;
  }

  /**
   * @param {HTMLElement} element
   * @param {Card} card
   */
  #fill(element, card) {
    this.#filled.set(element, card);
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
    const age = /** @type {HTMLTimeElement} */ (field(element, 'age'));
    age.dateTime = card.createdAt;
    age.textContent = ago(new Date(card.createdAt), new Date());
  }

  /**
   * What the server drew, until it is told again.
   * @param {HTMLElement} element
   * @returns {Card}
   */
  #read(element) {
    const text = (/** @type {string} */ name) => field(element, name).textContent ?? '';
    const is = (/** @type {string} */ name) => !field(element, name).hidden;
    const share = /** @type {HTMLProgressElement} */ (field(element, 'share'));
    return {
      id: element.dataset['room'] ?? '',
      title: text('title'),
      max: share.max,
      owner: text('owner'),
      ownerId: is('yours') ? this.#page.me.uid : '',
      locked: is('locked'),
      offRecord: is('offRecord'),
      keep: false,
      occupancy: share.value,
      createdAt: /** @type {HTMLTimeElement} */ (field(element, 'age')).dateTime,
    };
  }

  #tellAges() {
    const now = new Date();
    for (const element of this.#elements.values()) {
      const age = /** @type {HTMLTimeElement} */ (field(element, 'age'));
      age.textContent = ago(new Date(age.dateTime), now);
    }
  }

  /**
   * @param {number} found
   * @param {string} words
   */
  #tell(found, words) {
    const count = found.toLocaleString(document.documentElement.lang);
    byId('find-count').textContent = this.#find.hidden ? '' : fill(this.#page.texts.rooms, { n: count });
    byId('find-none').hidden = found > 0 || words.trim() === '';
    byId('empty').hidden = this.#cards.size > 0;
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
