// @ts-check
// Copies the lines of the help page.

import { copy } from './clipboard.js';
import { byId, revealScripted } from './page.js';

revealScripted();
const { copied = '', failed = '' } = byId('toast').dataset;

document.addEventListener('click', (event) => {
  const button = /** @type {Element} */ (event.target).closest('[data-copies]');
  const line = button?.getAttribute('data-copies');
  if (line) copy(byId(line).textContent ?? '', copied, failed);
});
