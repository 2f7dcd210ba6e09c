// @ts-check
// The last screen of a room: what happened, and the way back.

import { byId, field, fromTemplate } from './page.js';

/** @typedef {'endRemoved' | 'endFull' | 'endRefused' | 'endKicked'} Ending */

/** After these it may go better another time. */
const AGAIN = new Set(['endFull', 'endRefused']);

/**
 * @param {Ending} ending
 * @param {Record<string, any>} texts
 */
export function showEnding(ending, texts) {
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
}
