// @ts-check
// An image in full, over the page; the arrow keys go to the one before and after.

import { byId } from './page.js';

const log = byId('log');
const viewer = /** @type {HTMLDialogElement} */ (byId('viewer'));
const image = /** @type {HTMLImageElement} */ (viewer.querySelector('img'));
/** @type {HTMLAnchorElement | undefined} */
let shown;

/** @param {HTMLAnchorElement} link */
export function view(link) {
  show(link);
  viewer.showModal();
}

/** @param {HTMLAnchorElement} link */
function show(link) {
  shown = link;
  image.src = link.href;
  image.alt = link.querySelector('img')?.alt ?? '';
}

viewer.addEventListener('keydown', ({ key }) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!step || !shown) return;
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const pictures = log.querySelectorAll('a.picture');
  const links = [...pictures];
  const next = links[links.indexOf(shown) + step];
  if (next) show(next);
});
viewer.addEventListener('click', (event) => event.target !== image && viewer.close());
viewer.addEventListener('close', () => image.removeAttribute('src'));
