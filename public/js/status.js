// @ts-check
// Tells whether the page is connected; quiet about interruptions too short to notice.

import { byId } from './page.js';

const QUIET_MS = 800;

export class Status {
  #texts;
  #place;
  #wasJoined = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} id the element that tells it
   * @param {Record<string, any>} texts
   */
  constructor(id, texts) {
    this.#place = byId(id);
    this.#texts = texts;
    this.#later();
  }

  /**
   * @param {import('./connection.js').ConnectionState} state
   * @param {string} remark what there is to say although all is well
   */
  set(state, remark = '') {
    if (state === 'joined') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#wasJoined = true;
      this.#place.classList.toggle('quiet', remark !== '');
      this.#place.textContent = remark;
    } else {
      this.#later();
    }
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const text = navigator.onLine ? (this.#wasJoined ? 'reconnecting' : 'connecting') : 'offline';
      this.#place.classList.remove('quiet');
      this.#place.textContent = this.#texts[text] ?? '';
    }, QUIET_MS);
  }
}
