// @ts-check
// The text box: keeps what is typed, sends on Enter, leaves composed letters alone.

import { shown } from './avatar.js';
import { byId, field } from './page.js';
import { fill, length } from './text.js';

/** From so many characters before the limit on, the rest is counted. */
const COUNT_FROM = 200;

/** @typedef {import('./avatar.js').Who} Who */

/**
 * @typedef {object} ComposerOptions
 * @property {string} room
 * @property {number} textMax
 * @property {Record<string, any>} texts
 * @property {() => boolean} mayBeEmpty there is something to send without a word
 * @property {(chat: string, to: Who | null) => boolean} say false: not taken, keep the text
 */

export class Composer {
  #options;
  #box = /** @type {HTMLTextAreaElement} */ (byId('chat'));
  #note = byId('composer-note');
  #draft;
  #label;
  /** @type {Who | null} */
  #to = null;

  /** @param {ComposerOptions} options */
  constructor(options) {
    this.#options = options;
    this.#label = this.#box.placeholder;
    byId('whisper-cancel').addEventListener('click', () => this.whisperTo(null));
    this.#draft = `draft:${options.room}`;
    this.#box.value ||= sessionStorage.getItem(this.#draft) ?? '';
    this.#box.addEventListener('input', () => this.#typed());
    this.#box.addEventListener('keydown', (event) => this.#pressed(event));
    byId('emoji').addEventListener('click', () => this.#chooseEmoji());
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#typed();
    if (matchMedia('(pointer: fine)').matches) this.#box.focus();
  }

  /** Whom the next line is whispered to; null: it is for all. */
  get to() {
    return this.#to;
  }

  /** @param {Who | null} person */
  whisperTo(person) {
    this.#to = person;
    const { texts } = this.#options;
    const label = person ? fill(texts.whisperTo, { name: shown(person) }) : this.#label;
    const place = byId('whisper');
    place.hidden = !person;
    if (person) field(place, 'label').textContent = label;
    byId('composer').classList.toggle('whispering', person !== null);
    this.#box.placeholder = label;
    this.#box.setAttribute('aria-label', label);
    this.#typed();
    this.#box.focus();
  }

  /**
   * A word under the box; an empty one takes it away.
   * @param {string} text
   * @param {boolean} isFault
   */
  note(text, isFault = false) {
    if (this.#note.textContent !== text) this.#note.textContent = text;
    this.#note.classList.toggle('fault', isFault);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    // While Hangul or kana is being composed, Enter ends the letter, not the line (229: Safari).
    if (event.key === 'Escape' && this.#to && !event.isComposing) return this.whisperTo(null);
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    // A held key must not send what is typed next.
    if (!event.repeat) this.#send();
  }

  async #chooseEmoji() {
    const { texts, textMax } = this.#options;
    try {
      const { toggleEmoji } = await import('./emoji.js');
      await toggleEmoji({ box: this.#box, button: byId('emoji'), textMax });
    } catch (error) {
      console.warn('emoji:', error);
      this.note(texts.notDone, true);
    }
  }

  #send() {
    const chat = this.#box.value.trim();
    this.#box.focus();
    if (chat === '' && !this.#options.mayBeEmpty()) return;
    if (length(chat) > this.#options.textMax) return;
    if (!this.#options.say(chat, this.#to)) return;
    this.#box.value = '';
    this.#typed();
  }

  #typed() {
    const { textMax, texts } = this.#options;
    const { value } = this.#box;
    // A whisper must not come back, after a reload, as a line for all.
    if (value && !this.#to) sessionStorage.setItem(this.#draft, value);
    else sessionStorage.removeItem(this.#draft);
    const left = textMax - length(value.trim());
    if (left < 0) this.note(fill(texts.textOver, { n: -left, max: textMax }), true);
    else this.note(left <= COUNT_FROM ? fill(texts.textLeft, { n: left }) : '');
    this.#grow();
  }

  /** For browsers without `field-sizing`. */
  #grow() {
    if (CSS.supports('field-sizing', 'content')) return;
    this.#box.style.height = 'auto';
    this.#box.style.height = `${this.#box.scrollHeight}px`;
  }
}
