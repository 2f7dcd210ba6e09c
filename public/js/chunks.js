// @ts-check
// Where the lines stand: in lists of a hundred. A list that is out of sight is left out of a frame as
// a whole; the browser looks at every such box in each frame, so there must be few, not one per line.
// Knows lines as elements, never what they show. DOM only.

/** Lines in one list. One that comes into sight is laid out whole. */
const CHUNK = 100;
/** Lists taken away at once: thousands of lines would hold up a frame. */
const TRIM_MAX = 4;

/** @typedef {{ chunk: Element, by: number }} Grown a list that is higher than it was, or was thought to be */

export class Chunks {
  #box;
  #count = 0;
  /** @type {WeakMap<Element, number>} how high the lists were, of those that may rest */
  #heights = new WeakMap();
  /** The last list grows, and is laid out, seen or not. A full one may rest when its height is known. */
  #sizes = new ResizeObserver((entries) => this.#resized(entries));
  #onGrown;

  /**
   * @param {HTMLElement} box
   * @param {(grown: Grown[]) => void} onGrown told in the same frame, the newest lists first
   */
  constructor(box, onGrown) {
    this.#box = box;
    this.#onGrown = onGrown;
    box.replaceChildren();
  }

  get count() {
    return this.#count;
  }

  get first() {
    return this.#box.firstElementChild?.firstElementChild ?? null;
  }

  get last() {
    return this.#box.lastElementChild?.lastElementChild ?? null;
  }

  /** From the oldest to the newest. */
  *[Symbol.iterator]() {
    for (const chunk of this.#box.children) yield* chunk.children;
  }

  /** @param {Element[]} lines */
  append(lines) {
    this.#count += lines.length;
    for (let from = 0; from < lines.length; ) {
      let chunk = this.#box.lastElementChild;
      if (!chunk || chunk.childElementCount >= CHUNK) {
        if (chunk) this.#sizes.observe(chunk);
        chunk = made();
        this.#box.append(chunk);
      }
      const room = CHUNK - chunk.childElementCount;
      chunk.append(...lines.slice(from, from + room));
      from += room;
    }
  }

  /** @param {Element[]} lines */
  prepend(lines) {
    this.#count += lines.length;
    for (let to = lines.length; to > 0; ) {
      let chunk = this.#box.firstElementChild;
      if (!chunk || chunk.childElementCount >= CHUNK) {
        chunk = made();
        // It grows away from the reader, so its height need not be known.
        chunk.classList.add('resting');
        this.#sizes.observe(chunk);
        this.#box.prepend(chunk);
      }
      const room = CHUNK - chunk.childElementCount;
      chunk.prepend(...lines.slice(Math.max(0, to - room), to));
      to -= room;
    }
  }

  /**
   * Takes the oldest lists away, some at a time, until no more than so many lines are left.
   * @param {number} max
   */
  trim(max) {
    for (let times = 0; times < TRIM_MAX && this.#count > max; times += 1) {
      const chunk = this.#box.firstElementChild;
      if (!chunk) return;
      this.#count -= chunk.childElementCount;
      this.#sizes.unobserve(chunk);
      chunk.remove();
    }
  }

  /** @param {ResizeObserverEntry[]} entries */
  #resized(entries) {
    const grown = [];
    for (const { target, contentRect } of entries) {
      const height = this.#heights.get(target) ?? contentRect.height;
      this.#heights.set(target, contentRect.height);
      target.classList.add('resting');
      if (contentRect.height !== height) grown.push({ chunk: target, by: contentRect.height - height });
    }
    const isBefore = (/** @type {Grown} */ a, /** @type {Grown} */ b) =>
      a.chunk.compareDocumentPosition(b.chunk) & Node.DOCUMENT_POSITION_FOLLOWING;
    if (grown.length > 0) this.#onGrown(grown.sort((a, b) => (isBefore(a, b) ? 1 : -1)));
  }
}

function made() {
  const chunk = document.createElement('ol');
  chunk.className = 'chunk';
  return chunk;
}
