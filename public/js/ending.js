// @ts-check
// The last screen of a room: what happened, and the way back.

import { byId, field, fromTemplate } from './page.js';

/** @typedef {'endRemoved' | 'endFull' | 'endRefused' | 'endKicked' | 'endBanned' | 'endLocked'} Ending */

/** After these it may go better another time. */
const AGAIN = new Set(['endFull', 'endRefused', 'endKicked', 'endLocked']);
/** How often a full room is asked for a place. */
const ASK_MS = 5000;

/**
 * @param {Ending} ending
 * @param {Record<string, any>} texts
 * @param {string} address the room's
 */
export function showEnding(ending, texts, address) {
  const screen = fromTemplate('ending');
  const [heading, sentence] = texts[ending];
  field(screen, 'heading').textContent = heading;
  field(screen, 'sentence').textContent = sentence;
  const again = /** @type {HTMLAnchorElement} */ (field(screen, 'again'));
  again.href = location.href;
  again.hidden = !AGAIN.has(ending);
  byId('main').replaceChildren(screen);
  for (const gone of document.querySelectorAll('.room-bar button')) gone.remove();
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  field(screen, 'heading').focus();
  if (ending === 'endFull') awaitPlace(address, screen, texts.placeFree);
}

/**
 * Asks until a full room has a place, and then leads there.
 * @param {string} address the room's
 * @param {Element} screen
 * @param {string[]} words heading and sentence
 */
export async function awaitPlace(address, screen, words) {
  const headers = { accept: 'application/json' };
  const response = await fetch(address, { headers, signal: AbortSignal.timeout(ASK_MS) }).catch(() => null);
  const card = response?.ok ? await response.json().catch(() => null) : null;
  if (!card || card.occupancy >= card.max) {
    return void setTimeout(() => awaitPlace(address, screen, words), ASK_MS);
  }
  for (const [at, name] of ['heading', 'sentence'].entries()) field(screen, name).textContent = words[at] ?? '';
  for (const link of screen.querySelectorAll('.button')) link.classList.toggle('primary');
}

/**
 * Why a room does not let us in any more, as it says itself.
 * @param {string} address
 * @param {Ending} otherwise
 * @returns {Promise<Ending>}
 */
export async function whyEnded(address, otherwise) {
  const headers = { accept: 'application/json' };
  const response = await fetch(address, { headers, signal: AbortSignal.timeout(ASK_MS) }).catch(() => null);
  if (response?.status === 404) return 'endRemoved';
  if (!response || response.ok) return otherwise;
  const { code } = await response.json().catch(() => ({}));
  return code === 'banned' ? 'endBanned' : code === 'locked' ? 'endLocked' : otherwise;
}
