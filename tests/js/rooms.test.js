// @ts-check
// Which rooms the lobby shows, in which order, and how old they are.

import assert from 'node:assert/strict';
import test from 'node:test';

import { ago } from '../../public/js/moment.js';
import { chosen } from '../../public/js/rooms.js';

const collator = new Intl.Collator('ko', { numeric: true });

/** @param {string} title @param {number} occupancy @param {number} minute @returns {any} */
const room = (title, occupancy, minute) => ({
  id: title,
  title,
  occupancy,
  createdAt: `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`,
});

const rooms = [room('Room 10', 2, 1), room('Café', 5, 2), room('Room 9', 2, 3), room('산책', 0, 4)];

/** @param {string} words @param {import('../../public/js/rooms.js').Order} order */
const titles = (words, order) => chosen(rooms, words, order, collator).map(({ title }) => title);

test('rooms are sorted by age, by people and by title', () => {
  assert.deepEqual(titles('', 'newest'), ['산책', 'Room 9', 'Café', 'Room 10']);
  assert.deepEqual(titles('', 'busiest'), ['Café', 'Room 9', 'Room 10', '산책']);
  assert.deepEqual(titles('room', 'title'), ['Room 9', 'Room 10']);
});

test('a title is found whatever its case and however its letters are composed', () => {
  assert.deepEqual(titles(' CAFE\u0301 ', 'newest'), ['Café']);
  assert.deepEqual(titles('산책'.normalize('NFD'), 'newest'), ['산책']);
  assert.deepEqual(titles('nowhere', 'newest'), []);
});

test('an age is told in the largest unit that fits', () => {
  const now = new Date('2026-01-02T00:00:00Z');
  /** @param {number} seconds */
  const before = (seconds) => ago(new Date(now.getTime() - seconds * 1000), now);
  assert.equal(before(-5), 'now');
  assert.equal(before(59), 'now');
  assert.equal(before(125), '2 min. ago');
  assert.equal(before(7200), '2 hr. ago');
  assert.equal(before(90_000), 'yesterday');
});
