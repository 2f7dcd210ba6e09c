// @ts-check
// The choice of emoji above the text box: one grid under the arrow keys, and a field to find one by
// name. Fetched when it is wanted.

import { WORDS, among, find, groups } from './emoji-names.js';
import { fill, length } from './text.js';

/** `emoji.css` knows the same. */
const COLUMNS = 8;
/** What is kept of the last ones: a row. */
const RECENT = 'emoji';

/** @typedef {import('./emoji-names.js').Group} Group */

/**
 * @typedef {object} Place
 * @property {HTMLTextAreaElement} box where an emoji goes
 * @property {HTMLElement} button what opens and closes the choice
 * @property {number} textMax
 */

/** @type {EmojiChoice | undefined} */
let choice;

/** @param {Place} place */
export async function toggleEmoji(place) {
  if (!choice) await styled();
  choice ??= new EmojiChoice(place);
  choice.toggle();
}

/** Its style, without which it is not to be seen. */
function styled() {
  const sheet = document.createElement('link');
  sheet.rel = 'stylesheet';
  sheet.href = new URL('../emoji.css', import.meta.url).href;
  return new Promise((resolve, reject) => {
    sheet.onload = resolve;
    sheet.onerror = reject;
    document.head.append(sheet);
  });
}

class EmojiChoice {
  #place;
  /** @type {import('./emoji-names.js').Language} */
  #language = document.documentElement.lang === 'ko' ? 'ko' : 'en';
  #words = WORDS[this.#language];
  #find = element('input', { type: 'search', autocomplete: 'off', enterkeyhint: 'done', dir: 'auto' });
  #grid = element('div', { role: 'grid', class: 'emoji-grid' });
  #note = element('p', { role: 'status', class: 'emoji-note' });
  #panel = element('div', { role: 'dialog', class: 'emoji', id: 'emoji-choice', hidden: '' });
  /** Closes it for who touches something else. */
  #outside = (/** @type {Event} */ event) => {
    const target = /** @type {Node} */ (event.target);
    if (!this.#panel.contains(target) && !this.#place.button.contains(target)) this.#close();
  };

  /** @param {Place} place */
  constructor(place) {
    this.#place = place;
    const { title, find } = this.#words;
    this.#panel.setAttribute('aria-label', title);
    this.#grid.setAttribute('aria-label', title);
    this.#find.setAttribute('aria-label', find);
    this.#find.placeholder = find;
    this.#panel.append(this.#find, this.#grid, this.#note);
    place.button.setAttribute('aria-controls', this.#panel.id);
    place.box.form?.append(this.#panel);

    this.#find.addEventListener('input', () => this.#draw());
    this.#panel.addEventListener('keydown', (event) => this.#pressed(event));
    this.#panel.addEventListener('focusout', ({ relatedTarget: next }) => {
      if (next instanceof Node && next !== place.button && !this.#panel.contains(next)) this.#close();
    });
    this.#grid.addEventListener('click', ({ target }) => {
      const cell = /** @type {Element} */ (target).closest('button');
      if (cell) this.#take(cell.textContent ?? '');
    });
  }

  toggle() {
    if (!this.#panel.hidden) return this.#leave();
    this.#find.value = '';
    this.#panel.hidden = false;
    this.#draw();
    this.#place.button.setAttribute('aria-expanded', 'true');
    document.addEventListener('pointerdown', this.#outside);
    // A keyboard on the screen would hide what there is to choose from.
    const isTyping = matchMedia('(pointer: fine)').matches;
    (isTyping ? this.#find : this.#current())?.focus();
  }

  #close() {
    this.#panel.hidden = true;
    this.#place.button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', this.#outside);
  }

  /** Back to what was being written. */
  #leave() {
    // Before it is hidden, so that the focus is never lost.
    this.#place.box.focus();
    this.#close();
  }

  /** All of them, or what is found. */
  #draw() {
    const wanted = this.#find.value.trim();
    const shown = wanted ? [{ name: this.#words.found, emoji: find(wanted) }] : this.#all();
    const filled = shown.filter(({ emoji }) => emoji.length > 0);
    this.#grid.replaceChildren(...filled.map((group) => this.#group(group)));
    this.#grid.hidden = filled.length === 0;
    this.#grid.scrollTop = 0;
    this.#note.textContent = filled.length === 0 ? this.#words.none : '';
    const first = this.#cells()[0];
    if (first) first.tabIndex = 0;
  }

  #all() {
    return [{ name: this.#words.recent, emoji: among(recent()) }, ...groups(this.#language)];
  }

  /** @param {Group} group */
  #group({ name, emoji }) {
    const heading = element('div', { role: 'row', class: 'emoji-heading' });
    heading.append(element('div', { role: 'columnheader', 'aria-colspan': String(COLUMNS) }, name));
    const cells = emoji.map((one) => {
      const label = one[this.#language];
      return element('button', { type: 'button', role: 'gridcell', tabindex: '-1', 'aria-label': label, title: label }, one.text);
    });
    const body = element('div', { role: 'rowgroup', 'aria-label': name });
    body.append(heading);
    for (let from = 0; from < cells.length; from += COLUMNS) {
      const row = element('div', { role: 'row', class: 'emoji-row' });
      row.append(...cells.slice(from, from + COLUMNS));
      body.append(row);
    }
    return body;
  }

  #cells() {
    return [...this.#grid.querySelectorAll('button')];
  }

  /** The one that Tab leads to. */
  #current() {
    return this.#cells().find((cell) => cell.tabIndex === 0);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    // Enter ends a letter that is being composed, and Escape gives it up (229: Safari).
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === 'Escape') {
      event.preventDefault();
      this.#leave();
    } else if (event.target === this.#find) this.#pressedInField(event);
    else this.#pressedInGrid(event);
  }

  /** @param {KeyboardEvent} event */
  #pressedInField(event) {
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      this.#current()?.focus();
    }
    if (event.key !== 'Enter') return;
    // It would send the message.
    event.preventDefault();
    const found = this.#find.value.trim() ? this.#current() : undefined;
    if (found && !event.repeat) this.#take(found.textContent ?? '');
  }

  /** @param {KeyboardEvent} event */
  #pressedInGrid(event) {
    const cell = /** @type {HTMLButtonElement} */ (event.target);
    if (event.key === 'Enter' || event.key === ' ') {
      // Here, so that the key is at its end before the focus is in the text box.
      event.preventDefault();
      if (!event.repeat) this.#take(cell.textContent ?? '');
      return;
    }
    const next = this.#beside(cell, event);
    if (!next) return;
    event.preventDefault();
    if (next !== this.#find) {
      cell.tabIndex = -1;
      next.tabIndex = 0;
    }
    next.focus();
  }

  /**
   * Where a key leads; above the first row is the field.
   * @param {HTMLButtonElement} cell
   * @param {KeyboardEvent} event
   * @returns {HTMLElement | undefined} none: nowhere
   */
  #beside(cell, { key, ctrlKey }) {
    const rows = [...this.#grid.querySelectorAll('.emoji-row')].map((row) => [...row.querySelectorAll('button')]);
    const at = rows.findIndex((row) => row.includes(cell));
    const row = rows[at] ?? [];
    const place = row.indexOf(cell);
    const forward = getComputedStyle(this.#grid).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
    const cells = rows.flat();
    switch (key) {
      case 'ArrowLeft':
      case 'ArrowRight':
        return cells[cells.indexOf(cell) + (key === forward ? 1 : -1)];
      case 'ArrowUp':
        return at === 0 ? this.#find : (rows[at - 1]?.[place] ?? rows[at - 1]?.at(-1));
      case 'ArrowDown':
        return rows[at + 1]?.[place] ?? rows[at + 1]?.at(-1);
      case 'Home':
        return ctrlKey ? cells[0] : row[0];
      case 'End':
        return (ctrlKey ? cells : row).at(-1);
      default:
        return undefined;
    }
  }

  /** Puts it where the caret is, as if it were typed. @param {string} emoji */
  #take(emoji) {
    const { box, textMax } = this.#place;
    const { value, selectionStart, selectionEnd } = box;
    const after = value.slice(0, selectionStart) + emoji + value.slice(selectionEnd);
    if (length(after.trim()) > textMax) {
      this.#note.textContent = fill(this.#words.tooLong, { max: textMax });
      return;
    }
    this.#leave();
    // The only way that can be undone with the keyboard.
    if (!document.execCommand('insertText', false, emoji)) {
      box.setRangeText(emoji, selectionStart, selectionEnd, 'end');
      box.dispatchEvent(new Event('input', { bubbles: true }));
    }
    localStorage.setItem(RECENT, [...new Set([emoji, ...recent()])].slice(0, COLUMNS).join(' '));
  }
}

const recent = () => (localStorage.getItem(RECENT) ?? '').split(' ').slice(0, COLUMNS);

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {string} [text]
 */
function element(tag, attributes, text = '') {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}
