// @ts-check
// The lobby page: rooms appear, change and vanish while one looks at them.

import { Cards } from './cards.js';
import { data } from './page.js';
import { Status } from './status.js';
import * as topics from './topics.js';
import { Transport } from './transport.js';
import { readCard } from './wire.js';

/** After a subscription, retained cards come in one burst; this long without one, it is over. */
const BURST_MS = 1500;

const page = data();
const cards = new Cards(page);
const status = new Status('status', page.texts);

/** @type {Set<string> | null} the rooms that were named since the subscription began */
let named = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let burst;

/** Rooms that vanished while nobody told us are not among the retained cards. */
function sweep() {
  for (const id of cards.ids) if (!named?.has(id)) cards.remove(id);
  named = null;
}

function awaitSweep() {
  clearTimeout(burst);
  if (named) burst = setTimeout(sweep, BURST_MS);
}

/**
 * @param {string} topic
 * @param {Uint8Array} payload
 */
function onMessage(topic, payload) {
  const id = topics.roomOfCard(topic);
  if (!id) return;
  const card = payload.length > 0 ? readCard(payload) : null;
  if (card) cards.put(card);
  else cards.remove(id);
  named?.add(id);
  awaitSweep();
}

/** @param {import('./wire.js').Card[]} all */
function onCards(all) {
  const ids = new Set(all.map(({ id }) => id));
  for (const id of cards.ids) if (!ids.has(id)) cards.remove(id);
  for (const card of all) cards.put(card);
}

const connection = new Transport({
  base: page.base,
  filters: [{ topic: topics.allCards, qos: 0 }],
  onMessage,
  fallback: async () => {
    const { Directory } = await import('./directory.js');
    return (told) => new Directory(page.base, onCards, told);
  },
  onState(state, way) {
    status.set(state, way === 'http' ? page.texts.listOverHttp : '');
    if (way === 'http') return;
    if (state === 'connecting') named = new Set();
    if (state === 'joined') awaitSweep();
    if (state === 'lost') clearTimeout(burst);
  },
  onRefused: (_filter, code) => console.warn('the directory was refused:', code),
});

/** @type {Promise<import('./door.js').Door> | undefined} */
let door;

/**
 * A click that means this place, not a new tab.
 * @param {MouseEvent} event
 */
const isPlain = ({ button, ctrlKey, metaKey, shiftKey, altKey }) =>
  button === 0 && !ctrlKey && !metaKey && !shiftKey && !altKey;

document.addEventListener('click', async (event) => {
  const link = /** @type {Element} */ (event.target).closest('a');
  if (!link || !isPlain(event)) return;
  const id = /** @type {HTMLElement | null} */ (link.closest('[data-room]'))?.dataset['room'] ?? '';
  const card = cards.get(id);
  try {
    if (card?.locked && card.ownerId !== page.me.uid) {
      event.preventDefault();
      door ??= import('./door.js').then(({ Door }) => new Door(page));
      await (await door).knock(card);
    } else if (link.matches('[data-creates]')) {
      event.preventDefault();
      const { openForm } = await import('./create.js');
      await openForm(link.href);
    }
  } catch (error) {
    console.warn('lobby:', error);
    door = undefined;
    location.assign(link.href);
  }
});

addEventListener('online', () => connection.hurry());
document.addEventListener('visibilitychange', () => document.hidden || connection.hurry());
