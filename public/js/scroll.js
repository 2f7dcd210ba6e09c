// @ts-check
// Where the reader is in the log. Follows the newest line only while the reader is there.
//
// The scroller is laid out from the bottom (`column-reverse`): its `scrollTop` is 0 at the newest
// line and negative above it, so older lines can be added on top without moving anything.

/** Within so many pixels of the newest line, the reader is taken to follow. */
const NEAR_PX = 64;
/** So far before the oldest line, it is time to fetch what is before it. */
const NEAR_TOP_PX = 800;

export class Scroll {
  #box;

  /**
   * @param {HTMLElement} box
   * @param {() => void} onMoved
   */
  constructor(box, onMoved) {
    this.#box = box;
    box.addEventListener('scroll', onMoved, { passive: true });
    addEventListener('resize', onMoved);
  }

  get following() {
    return this.#box.scrollTop > -NEAR_PX;
  }

  get nearTop() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    return scrollHeight + scrollTop - clientHeight < NEAR_TOP_PX;
  }

  /**
   * Changes lines at the bottom: a follower sees the newest, a reader's lines stay where they are.
   * @param {() => void} change
   */
  keep(change) {
    const following = this.following;
    const height = this.#box.scrollHeight;
    const top = this.#box.scrollTop;
    change();
    this.#box.scrollTop = following ? 0 : top - (this.#box.scrollHeight - height);
  }

  /**
   * What is below the reader is higher than it was: what one reads stays where it is.
   * @param {import('./chunks.js').Grown[]} grown the lowest first
   */
  grown(grown) {
    const { bottom } = this.#box.getBoundingClientRect();
    let below = 0;
    for (const { chunk, by } of grown) {
      const was = chunk.getBoundingClientRect().top + below + by;
      if (was >= bottom) below += by;
    }
    if (below !== 0) this.#box.scrollTop -= below;
  }

  toBottom() {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const near = this.#box.scrollTop > -3 * this.#box.clientHeight;
    this.#box.scrollTo({ top: 0, behavior: near && !still ? 'smooth' : 'instant' });
  }
}
