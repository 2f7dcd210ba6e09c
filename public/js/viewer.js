// @ts-check
// An image in full, over the page. A click with a modifier opens it as the link that it is.

import { byId } from './page.js';

/** @param {HTMLElement} log where the pictures are */
export function watchPictures(log) {
  const viewer = /** @type {HTMLDialogElement} */ (byId('viewer'));
  const image = /** @type {HTMLImageElement} */ (viewer.querySelector('img'));
  log.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = /** @type {Element} */ (event.target).closest('a.picture');
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    image.src = link.href;
    image.alt = link.querySelector('img')?.alt ?? '';
    viewer.showModal();
  });
  viewer.addEventListener('click', (event) => event.target !== image && viewer.close());
  viewer.addEventListener('close', () => image.removeAttribute('src'));
}
