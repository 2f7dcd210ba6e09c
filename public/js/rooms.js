// @ts-check
// The rooms there are, and which of them to show in which order. Pure: no DOM, no network.

/** @typedef {import('./wire.js').Card} Card */
/** @typedef {'newest' | 'busiest' | 'title'} Order */

/** @param {string} text */
const folded = (text) => text.normalize('NFC').toLocaleLowerCase();

/** @param {Card} a @param {Card} b */
const newest = (a, b) =>
  a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt < b.createdAt ? 1 : -1;

/**
 * The rooms whose title contains `words`, in `order`.
 * @param {Iterable<Card>} cards
 * @param {string} words
 * @param {Order} order
 * @param {Intl.Collator} collator
 * @returns {Card[]}
 */
export function chosen(cards, words, order, collator) {
  const wanted = folded(words.trim());
  const found = [...cards].filter(({ title }) => !wanted || folded(title).includes(wanted));
  if (order === 'busiest') return found.sort((a, b) => b.occupancy - a.occupancy || newest(a, b));
  if (order === 'title') return found.sort((a, b) => collator.compare(a.title, b.title) || newest(a, b));
  return found.sort(newest);
}
