// The golden payloads of this folder, as the pages read them. `tests/it/wire.rs` holds the server
// to the same bytes.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { readCard, readEvent } from '../../public/js/wire.js';

/** @param {string} kind */
const golden = (kind) =>
  readdirSync(import.meta.dirname)
    .filter((name) => name.startsWith(kind) && name.endsWith('.json'))
    .map((name) => ({ name, bytes: readFileSync(`${import.meta.dirname}/${name}`) }));

test('events read as they were written', () => {
  const kinds = new Set();
  for (const { name, bytes } of golden('event-')) {
    const event = readEvent(bytes);
    assert.deepEqual(event, JSON.parse(bytes.toString()), name);
    assert.equal(readCard(Buffer.from(JSON.stringify({ ...event, id: undefined }))), null, name);
    kinds.add(event?.type);
  }
  assert.deepEqual([...kinds].sort(), ['chat', 'exit', 'join', 'kick', 'owner', 'removeRoom']);
});

test('cards read as they were written', () => {
  const cards = golden('card-');
  assert.ok(cards.length >= 2);
  for (const { name, bytes } of cards) {
    assert.deepEqual(readCard(bytes), JSON.parse(bytes.toString()), name);
  }
});

test('what is no event and no card is nothing', () => {
  for (const text of ['', 'null', '[]', '5', '"chat"', '{', '{"type":5}', '{"id":7}', '\xff']) {
    assert.equal(readEvent(Buffer.from(text)), null, text);
    assert.equal(readCard(Buffer.from(text)), null, text);
  }
});
