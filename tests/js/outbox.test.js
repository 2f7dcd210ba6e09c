// @ts-check
// What becomes of my own lines.

import assert from 'node:assert/strict';
import test from 'node:test';
import { OUTBOX_MAX, Outbox, newKey } from '../../public/js/outbox.js';

/** An outbox and the states it told of. */
function recorded() {
  /** @type {string[]} */
  const told = [];
  const outbox = new Outbox((send, gone) => told.push(`${send.chat}:${gone ? 'gone' : send.state}`));
  return { outbox, told };
}

test('a line goes from waiting to sending to stored, and leaves when the log has it', () => {
  const { outbox, told } = recorded();
  outbox.add('a', 'k');
  assert.deepEqual(outbox.takeWaiting().map(({ key }) => key), ['k']);
  outbox.stored('k');
  outbox.remove('k');
  assert.deepEqual(told, ['a:waiting', 'a:sending', 'a:stored', 'a:gone']);
});

test('what is under way is not taken twice', () => {
  const { outbox } = recorded();
  outbox.add('a', 'k');
  outbox.takeWaiting();
  assert.deepEqual(outbox.takeWaiting(), []);
});

test('after an interruption the unanswered go again, in their order and under their keys', () => {
  const { outbox } = recorded();
  outbox.add('a', '1');
  outbox.add('b', '2');
  outbox.takeWaiting();
  outbox.stored('1');
  outbox.add('c', '3');
  outbox.interrupted();
  assert.deepEqual(outbox.takeWaiting().map(({ key }) => key), ['2', '3']);
});

test('a refused line waits for its author', () => {
  const { outbox, told } = recorded();
  outbox.add('a', 'k');
  outbox.takeWaiting();
  outbox.failed('k', 'too long');
  outbox.interrupted();
  assert.deepEqual(outbox.takeWaiting(), []);
  outbox.retry('k');
  assert.deepEqual(outbox.takeWaiting().map(({ key }) => key), ['k']);
  assert.deepEqual(told, ['a:waiting', 'a:sending', 'a:failed', 'a:waiting', 'a:sending']);
});

test('an answer for a line that the log already has changes nothing', () => {
  const { outbox, told } = recorded();
  outbox.add('a', 'k');
  outbox.takeWaiting();
  outbox.remove('k');
  outbox.stored('k');
  outbox.failed('k', 'late');
  assert.equal(told.at(-1), 'a:gone');
});

test('the outbox is bounded', () => {
  const { outbox } = recorded();
  for (let n = 0; n < OUTBOX_MAX; n += 1) assert.notEqual(outbox.add(String(n)), null);
  assert.equal(outbox.add('one more'), null);
});

test('keys are long and never the same', () => {
  const keys = new Set(Array.from({ length: 1000 }, newKey));
  assert.equal(keys.size, 1000);
  for (const key of keys) assert.match(key, /^[0-9a-f]{24}$/);
});
