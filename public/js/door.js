// @ts-check
// A locked room's door, in the lobby: asks for the password without leaving the list. Fetched when
// somebody knocks.

import { byId, field } from './page.js';
import { offerEyes } from './password.js';
import { fill } from './text.js';

/** @typedef {import('./wire.js').Card} Card */

const ANSWER_MS = 20_000;

export class Door {
  #page;
  #box = /** @type {HTMLDialogElement} */ (byId('door'));
  #input = /** @type {HTMLInputElement} */ (byId('door-password'));
  #enter = /** @type {HTMLButtonElement} */ (field(this.#box, 'enter'));
  #room = '';
  #isBusy = false;
  /** The moment from which one may try again. */
  #until = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {{ base: string, texts: Record<string, any> }} page */
  constructor(page) {
    this.#page = page;
    offerEyes(this.#box);
    this.#box.querySelector('[data-closes]')?.addEventListener('click', () => this.#box.close());
    this.#box.addEventListener('close', () => clearTimeout(this.#timer));
    this.#box.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#try();
    });
  }

  /**
   * Leads into the room; asks for the password only if it has to be asked for.
   * @param {Card} card
   */
  async knock(card) {
    const address = `${this.#page.base}/room/${card.id}`;
    const known = await answer(address, {});
    if (!known || known.ok || (await codeOf(known)) !== 'locked') return location.assign(address);
    this.#room = address;
    field(this.#box, 'heading').textContent = card.title;
    this.#input.value = '';
    this.#tell('');
    this.#wait();
    this.#box.showModal();
    this.#input.focus();
  }

  async #try() {
    if (this.#isBusy || Date.now() < this.#until || !this.#input.value) return;
    this.#isBusy = true;
    this.#box.setAttribute('aria-busy', 'true');
    const { texts } = this.#page;
    const response = await answer(`${this.#room}/enter`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ password: this.#input.value }),
    });
    this.#isBusy = false;
    this.#box.removeAttribute('aria-busy');
    if (response?.ok) return location.assign(this.#room);
    if (response?.status === 429) {
      this.#until = Date.now() + 1000 * (Number(response.headers.get('retry-after')) || 1);
      return this.#wait();
    }
    const isWrong = response && (await codeOf(response)) === 'wrong-password';
    // It closed, or we are banned: the room's own page says so.
    if (response && !isWrong && response.status < 500) return location.assign(this.#room);
    this.#tell(isWrong ? texts.enterWrong : texts.notDone);
    this.#input.select();
    this.#input.focus();
  }

  /** Counts the seconds that are left. */
  #wait() {
    clearTimeout(this.#timer);
    const n = Math.ceil((this.#until - Date.now()) / 1000);
    this.#enter.disabled = n > 0;
    if (n <= 0) {
      if (field(this.#box, 'wait').textContent) this.#tell('');
      return;
    }
    this.#tell(this.#page.texts.enterTooOften, n);
    this.#timer = setTimeout(() => this.#wait(), 1000);
  }

  /**
   * @param {string} sentence
   * @param {number} [n] seconds; they are shown, but not read out one by one
   */
  #tell(sentence, n) {
    const place = field(this.#box, 'fault');
    const wait = field(this.#box, 'wait');
    if (place.textContent !== sentence) place.textContent = sentence;
    place.hidden = sentence === '';
    wait.textContent = n ? fill(this.#page.texts.tryAgainIn, { n }) : '';
    if (sentence) this.#input.setAttribute('aria-invalid', 'true');
    else this.#input.removeAttribute('aria-invalid');
  }
}

/**
 * @param {string} address
 * @param {RequestInit} options
 * @returns {Promise<Response | null>}
 */
function answer(address, options) {
  const headers = { ...options.headers, accept: 'application/json' };
  return fetch(address, { ...options, headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
}

/** @param {Response} response */
const codeOf = (response) => response.json().then(({ code }) => code, () => '');
