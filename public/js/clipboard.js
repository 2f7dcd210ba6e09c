// @ts-check
// Copies text and says so.

import { byId } from './page.js';

const TOLD_MS = 2000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
function toast(text) {
  const place = byId('toast');
  place.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => (place.textContent = ''), TOLD_MS);
}

/**
 * @param {string} text
 * @param {string} copied what to say then
 * @param {string} failed
 */
export async function copy(text, copied, failed) {
  toast((await written(text)) ? copied : failed);
}

/** @param {string} text */
async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writtenOldWay(text);
  }
}

/** Without HTTPS there is no clipboard object. @param {string} text */
function writtenOldWay(text) {
  const box = document.createElement('textarea');
  box.value = text;
  box.readOnly = true;
  document.body.append(box);
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  box.select();
  const done = document.execCommand('copy');
  box.remove();
  focused?.focus();
  return done;
}
