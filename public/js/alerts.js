// @ts-check
// Tells of new messages while the page is hidden, by a notification or a sound, to who asked for it.
// Fetched when it was asked for. Must not show what is said off the record, or to one alone.

import { shown } from './avatar.js';
import { byId } from './page.js';

/** Many may speak at once: heard at most so often. */
const APART_MS = 3000;
const TEXT_MAX = 140;

/** @typedef {'notify' | 'sound'} Alert */
/** @typedef {import('./wire.js').RoomEvent} RoomEvent */

export class Alerts {
  #texts;
  #last = 0;
  /** @type {AudioContext | null} */
  #audio = null;

  /** @param {Record<string, any>} texts */
  constructor(texts) {
    this.#texts = texts;
    for (const name of /** @type {const} */ (['notify', 'sound'])) {
      const box = control(name);
      if (isOn(name)) box.checked = name === 'sound' || mayNotify();
      box.addEventListener('change', () => this.changed(name));
    }
    // A browser plays nothing before the page was touched.
    const unlock = () => isOn('sound') && this.#ready();
    addEventListener('pointerdown', unlock, { once: true });
    addEventListener('keydown', unlock, { once: true });
  }

  /** Somebody has just clicked it. @param {Alert} name */
  async changed(name) {
    const box = control(name);
    tell('');
    if (box.checked && name === 'notify' && !(await allowed())) {
      box.checked = false;
      tell(this.#texts.notifyRefused);
    }
    localStorage.setItem(name, box.checked ? 'on' : '');
    if (box.checked && name === 'sound') this.#chime();
  }

  /**
   * @param {RoomEvent} event what somebody else said
   * @param {import('./wire.js').Card} room
   * @param {string} icon
   */
  news(event, room, icon) {
    if (Date.now() - this.#last < APART_MS) return;
    this.#last = Date.now();
    if (isOn('sound')) this.#chime();
    if (!isOn('notify') || !mayNotify()) return;
    const isPrivate = room.offRecord || event.to;
    const text = event.chat ? [...event.chat].slice(0, TEXT_MAX).join('') : this.#texts.image;
    const body = isPrivate ? this.#texts.newMessage : `${shown(event)}: ${text}`;
    try {
      const note = new Notification(room.title, { body, tag: room.id, icon });
      note.onclick = () => {
        focus();
        note.close();
      };
    } catch {
      // Some phones know notifications only from a service worker.
      control('notify').checked = false;
    }
  }

  #ready() {
    this.#audio ??= new AudioContext();
    if (this.#audio.state === 'suspended') this.#audio.resume().catch(() => {});
    return this.#audio;
  }

  /** Two soft notes, going up. */
  #chime() {
    const audio = this.#ready();
    for (const [at, pitch] of [[0, 587], [0.12, 880]]) {
      const [tone, volume] = [audio.createOscillator(), audio.createGain()];
      const from = audio.currentTime + (at ?? 0);
      tone.frequency.value = pitch ?? 0;
      volume.gain.setValueAtTime(0, from);
      volume.gain.linearRampToValueAtTime(0.12, from + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, from + 0.35);
      tone.connect(volume).connect(audio.destination);
      tone.start(from);
      tone.stop(from + 0.4);
    }
  }
}

/** @param {Alert} name */
const control = (name) => /** @type {HTMLInputElement} */ (byId(`alert-${name}`));

/** @param {Alert} name */
const isOn = (name) => localStorage.getItem(name) === 'on';

const mayNotify = () => 'Notification' in window && Notification.permission === 'granted';

async function allowed() {
  if (!('Notification' in window)) return false;
  return (await Notification.requestPermission()) === 'granted';
}

/** @param {string} sentence */
function tell(sentence) {
  byId('alert-fault').textContent = sentence;
}
