// @ts-check
// The order of a room's log.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Log } from '../../public/js/log.js';

/** @param {number} seq */
const event = (seq) => /** @type {any} */ ({ type: 'chat', seq });
/** @param {...number} seqs */
const events = (...seqs) => seqs.map(event);
/** @param {{ seq: number }[]} given */
const seqs = (given) => given.map(({ seq }) => seq);

/** A log that has shown 1, 2, 3. */
function started() {
  const log = new Log();
  log.page(events(1, 2, 3));
  return log;
}

test('live events wait for the first page, then follow it', () => {
  const log = new Log();
  assert.deepEqual(seqs(log.live(event(12))), []);
  assert.deepEqual(seqs(log.live(event(11))), []);
  assert.deepEqual(seqs(log.page(events(9, 10))), [9, 10, 11, 12]);
  assert.equal(log.hole, false);
  assert.equal(log.first, 9);
});

test('the next event is shown at once, the same one never again', () => {
  const log = started();
  assert.deepEqual(seqs(log.live(event(4))), [4]);
  assert.deepEqual(seqs(log.live(event(4))), []);
  assert.deepEqual(seqs(log.live(event(2))), []);
  assert.equal(log.last, 4);
});

test('an event after a hole waits until the hole is filled', () => {
  const log = started();
  assert.deepEqual(seqs(log.live(event(6))), []);
  assert.equal(log.hole, true);
  assert.deepEqual(seqs(log.live(event(5))), []);
  assert.deepEqual(seqs(log.live(event(4))), [4, 5, 6]);
  assert.equal(log.hole, false);
});

test('a page fills a hole, and what was held follows', () => {
  const log = started();
  log.live(event(7));
  assert.deepEqual(seqs(log.page(events(4, 5, 6, 7))), [4, 5, 6, 7]);
  assert.equal(log.hole, false);
});

test('a hole that the history does not have is left behind', () => {
  const log = started();
  log.live(event(9));
  log.live(event(8));
  assert.deepEqual(seqs(log.page([])), []);
  assert.deepEqual(seqs(log.skip()), [8, 9]);
  assert.deepEqual(seqs(log.live(event(10))), [10]);
});

test('a page with doubles and out of order is shown once and in order', () => {
  const log = new Log();
  assert.deepEqual(seqs(log.page(events(3, 1, 2, 2))), [1, 2, 3]);
});

test('older pages go before the first, without what is there already', () => {
  const log = new Log();
  log.page(events(50, 51));
  assert.deepEqual(seqs(log.older(events(48, 49, 50))), [48, 49]);
  assert.equal(log.first, 48);
  assert.deepEqual(seqs(log.older([])), []);
});

test('what was taken away can be asked for again', () => {
  const log = started();
  log.forgetBefore(3);
  assert.deepEqual(seqs(log.older(events(1, 2))), [1, 2]);
});

test('a flood after a hole is bounded, and nothing is lost by it', () => {
  const log = started();
  for (let seq = 5; seq <= 5000; seq += 1) log.live(event(seq));
  const page = Array.from({ length: 4997 }, (_, index) => event(index + 4));
  assert.equal(log.page(page).length, 4997);
  assert.equal(log.last, 5000);
  assert.equal(log.hole, false);
});

test('any order of delivery gives every seq once and in order', () => {
  // A linear congruential generator: the same orders in every run.
  let state = 7;
  const random = (/** @type {number} */ below) =>
    (state = (state * 1103515245 + 12345) % 2147483648) % below;
  for (let round = 0; round < 200; round += 1) {
    const log = new Log();
    const shown = seqs(log.page(events(1)));
    const rest = Array.from({ length: 30 }, (_, index) => index + 2);
    while (rest.length > 0) {
      const [seq = 0] = rest.splice(random(Math.min(rest.length, 6)), 1);
      shown.push(...seqs(log.live(event(seq))));
      if (random(4) === 0) shown.push(...seqs(log.live(event(seq))));
    }
    assert.deepEqual(shown, Array.from({ length: 31 }, (_, index) => index + 1));
  }
});
