// @ts-check
// The owner's tools: change and close the room, take somebody out, hand it over. Fetched when they
// are first used; what came of it is seen by everybody, and by us, as it happens.

import { withSwatches, shown } from './avatar.js';
import { byId, field } from './page.js';
import { textButton } from './sends.js';
import { fill } from './text.js';

const ANSWER_MS = 20_000;

/** @typedef {import('./wire.js').Card} Card */
/** @typedef {import('./avatar.js').Who} Who */

/**
 * What is wrong, in a sentence; null when it was done.
 * @typedef {{ sentence: string, fields: string[] } | null} Fault
 */

/** @type {readonly string[]} */
const FIELDS = ['title', 'max', 'password'];

export class OwnerTools {
  #address;
  #texts;
  /** @type {Card | null} the room as it was when the settings were opened */
  #card = null;
  /** @type {Who | null} */
  #whom = null;
  #settings = dialog('settings');
  #closing = dialog('closing');
  #manage = dialog('manage');

  /**
   * @param {string} address the room's
   * @param {Record<string, any>} texts
   */
  constructor(address, texts) {
    this.#address = address;
    this.#texts = texts;
    for (const box of [this.#settings, this.#closing, this.#manage]) {
      box.querySelector('[data-closes]')?.addEventListener('click', () => box.close());
    }
    this.#control('locked').addEventListener('change', () => this.#showPassword());
    field(this.#settings, 'closeRoom').addEventListener('click', () => open(this.#closing));
    field(this.#settings, 'bans').addEventListener('toggle', () => this.#showBans());
    answered(this.#settings, () => this.#save());
    answered(this.#closing, () => this.#send('DELETE', ''));
    answered(this.#manage, (choice) => this.#judge(choice));
  }

  /** @param {Card} card */
  change(card) {
    this.#card = card;
    this.#control('title').value = card.title;
    this.#control('max').value = String(card.max);
    this.#control('password').value = '';
    this.#control('locked').checked = card.locked;
    this.#control('keep').checked = card.keep;
    this.#mark([]);
    this.#showPassword();
    /** @type {HTMLDetailsElement} */ (field(this.#settings, 'bans')).open = false;
    open(this.#settings);
    this.#control('title').focus();
  }

  /** Asked for when the list is opened. */
  async #showBans() {
    if (!(/** @type {HTMLDetailsElement} */ (field(this.#settings, 'bans')).open)) return;
    const place = field(this.#settings, 'banned');
    const answer = await fetch(`${this.#address}/bans`, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(ANSWER_MS),
    }).then((response) => (response.ok ? response.json() : null), () => null);
    if (!answer) return place.replaceChildren(item(this.#texts.notDone));
    /** @type {Who[]} */
    const bans = answer.bans;
    if (bans.length === 0) return place.replaceChildren(item(this.#texts.noBans));
    place.replaceChildren(...bans.map((who) => this.#banned(who)));
  }

  /** @param {Who} who */
  #banned(who) {
    const row = item();
    const name = document.createElement('span');
    name.append(...withSwatches(shown(who)));
    const button = textButton(this.#texts.liftBan, async () => {
      button.disabled = true;
      const fault = await this.#send('DELETE', `/bans/${encodeURIComponent(who.uid)}`);
      tell(this.#settings, fault?.sentence ?? '');
      await this.#showBans();
      field(this.#settings, 'bans').querySelector('summary')?.focus();
    });
    button.setAttribute('aria-label', fill(this.#texts.liftBanOf, { name: shown(who) }));
    row.append(name, button);
    return row;
  }

  /** @param {Who} whom */
  manage(whom) {
    this.#whom = whom;
    field(this.#manage, 'heading').replaceChildren(...withSwatches(shown(whom)));
    open(this.#manage);
  }

  /** The room has another owner now. */
  putAway() {
    for (const box of [this.#settings, this.#closing, this.#manage]) box.close();
  }

  /** @param {string} name */
  #control(name) {
    return /** @type {HTMLInputElement} */ (this.#settings.querySelector(`[name="${name}"]`));
  }

  #showPassword() {
    field(this.#settings, 'password').hidden = !this.#control('locked').checked;
    field(this.#settings, 'passwordHint').hidden = !this.#card?.locked;
  }

  /** Only what was changed is sent: the rest may have been changed elsewhere meanwhile. */
  #wish() {
    const card = this.#card;
    /** @type {Record<string, unknown>} */
    const wish = {};
    const title = this.#control('title').value;
    const max = this.#control('max').value;
    const password = this.#control('password').value;
    const keep = this.#control('keep').checked;
    if (title.trim() !== card?.title) wish['title'] = title;
    if (max !== String(card?.max)) wish['max'] = Number(max);
    if (keep !== card?.keep) wish['keep'] = keep;
    if (!this.#control('locked').checked) {
      if (card?.locked) wish['password'] = '';
    } else if (password || !card?.locked) {
      wish['password'] = password;
    }
    return wish;
  }

  /** @returns {Promise<Fault>} */
  async #save() {
    const wish = this.#wish();
    // An empty password would unlock; asked for is a lock.
    const isMissing = wish['password'] === '' && this.#control('locked').checked;
    /** @type {Fault} */
    let fault = isMissing ? { sentence: '', fields: ['password'] } : null;
    if (!fault && Object.keys(wish).length > 0) fault = await this.#send('PATCH', '', wish);
    this.#mark(fault?.fields ?? []);
    return fault;
  }

  /** @param {string} choice @returns {Promise<Fault>} */
  #judge(choice) {
    const uid = this.#whom?.uid;
    if (choice === 'owner') return this.#send('POST', '/owner', { uid });
    return this.#send('POST', '/kick', { uid, ban: choice === 'ban' });
  }

  /** @param {string[]} faulty the fields to look at */
  #mark(faulty) {
    for (const name of FIELDS) {
      const isFaulty = faulty.includes(name);
      byId(`settings-${name}-fault`).hidden = !isFaulty;
      if (isFaulty) this.#control(name).setAttribute('aria-invalid', 'true');
      else this.#control(name).removeAttribute('aria-invalid');
    }
    const first = FIELDS.find((name) => faulty.includes(name));
    if (first) this.#control(first).focus();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<Fault>}
   */
  async #send(method, path, body) {
    try {
      const response = await fetch(this.#address + path, {
        method,
        headers: { accept: 'application/json', 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      if (response.ok) return null;
      const { code, detail, faults } = await response.json();
      if (code === 'no-such-person') return { sentence: this.#texts.notHere, fields: [] };
      const fields = Object.keys(faults ?? {});
      // Each field tells its own rule.
      return { sentence: fields.some((name) => FIELDS.includes(name)) ? '' : detail, fields };
    } catch {
      return { sentence: this.#texts.notDone, fields: [] };
    }
  }
}

/** @param {string} words */
function item(words = '') {
  const row = document.createElement('li');
  row.textContent = words;
  return row;
}

/** @param {string} id */
const dialog = (id) => /** @type {HTMLDialogElement} */ (byId(id));

/** @param {HTMLDialogElement} box */
function open(box) {
  tell(box, '');
  if (!box.open) box.showModal();
}

/**
 * @param {HTMLDialogElement} box
 * @param {string} sentence
 */
function tell(box, sentence) {
  const place = field(box, 'fault');
  place.hidden = sentence === '';
  place.textContent = sentence;
}

/**
 * Does what a dialog asks, once at a time; it stays open, as it was filled, until that is done.
 * @param {HTMLDialogElement} box
 * @param {(choice: string) => Promise<Fault>} act
 */
function answered(box, act) {
  let isBusy = false;
  box.querySelector('form')?.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    box.setAttribute('aria-busy', 'true');
    const choice = /** @type {HTMLButtonElement | null} */ (event.submitter)?.value ?? '';
    const fault = await act(choice);
    isBusy = false;
    box.removeAttribute('aria-busy');
    tell(box, fault?.sentence ?? '');
    if (!fault) box.close();
  });
}
