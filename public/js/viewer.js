// @ts-check
// An image in full, over the page; the arrow keys go to the one before and after. A click with a
// modifier opens it as the link that it is.

import { byId } from './page.js';

/** @param {HTMLElement} log where the pictures are */
export function watchPictures(log) {
  const viewer = /** @type {HTMLDialogElement} */ (byId('viewer'));
  const image = /** @type {HTMLImageElement} */ (viewer.querySelector('img'));
  /** @type {HTMLAnchorElement | undefined} */
  let shown;
  const show = (/** @type {HTMLAnchorElement} */ link) => {
    shown = link;
    image.src = link.href;
    image.alt = link.querySelector('img')?.alt ?? '';
  };
  log.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = /** @type {Element} */ (event.target).closest('a.picture');
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    show(link);
    viewer.showModal();
  });
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
}
