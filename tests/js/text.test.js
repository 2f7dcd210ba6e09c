// @ts-check
// Sentences, links, letters and colours.

import assert from 'node:assert/strict';
import test from 'node:test';
import { inkOn, isColour, letters } from '../../public/js/colour.js';
import { commands } from '../../public/js/device.js';
import { dayKey, dayName } from '../../public/js/moment.js';
import { fill, length, pieces } from '../../public/js/text.js';
import { roomOfCard } from '../../public/js/topics.js';
import { objection } from '../../public/js/upload.js';
import { readCard, readEvent } from '../../public/js/wire.js';

/** @param {string} text */
const links = (text) => pieces(text).flatMap(({ href }) => href ?? []);

test('a sentence is filled, and unknown places stay', () => {
  assert.equal(fill('{n} of {max}, {what}', { n: 3, max: 10 }), '3 of 10, {what}');
});

test('only http and https become links', () => {
  assert.deepEqual(links('see https://a.example/b?c=d#e and http://b.example'), [
    'https://a.example/b?c=d#e',
    'http://b.example',
  ]);
  const others = 'javascript:alert(1) data:text/html,x file:///etc/passwd https:// www.a.example';
  assert.deepEqual(links(others), []);
});

test('punctuation around an address is not part of it', () => {
  assert.deepEqual(links('(https://a.example/b).'), ['https://a.example/b']);
  assert.deepEqual(links('https://a.example/x_(y)'), ['https://a.example/x_(y)']);
  assert.deepEqual(links('여기 https://a.example/길, 보세요'), ['https://a.example/길']);
  assert.deepEqual(links('"https://a.example"'), ['https://a.example']);
});

test('the pieces of a text are the text', () => {
  for (const text of ['', 'plain', 'a https://a.example. b', 'https://a.example', '<b>&amp;']) {
    assert.equal(pieces(text).map((piece) => piece.text).join(''), text);
  }
});

test('characters are counted as readers count them', () => {
  assert.equal(length('한글🙂'), 3);
});

test('ink reads on every colour', () => {
  assert.equal(inkOn('#ffffff'), '#000000');
  assert.equal(inkOn('#000000'), '#ffffff');
  assert.equal(inkOn('#e3c542'), '#000000');
  assert.equal(inkOn('#7a3fa8'), '#ffffff');
  assert.equal(isColour('#12ab9F'), true);
  assert.equal(isColour('system'), false);
});

test('an avatar shows the name, else the end of the public id', () => {
  assert.equal(letters({ uid: '0123456789abcdef', name: 'greenhouse' }), 'GR');
  assert.equal(letters({ uid: '0123456789abcdef' }), 'ef');
});

test('days are named as the reader sees them', () => {
  const texts = { today: 'Today', yesterday: 'Yesterday' };
  const now = new Date(2026, 2, 1, 0, 5);
  assert.equal(dayName(new Date(2026, 2, 1, 0, 1), now, texts), 'Today');
  assert.equal(dayName(new Date(2026, 1, 28, 23, 59), now, texts), 'Yesterday');
  assert.match(dayName(new Date(2025, 1, 28), now, texts), /2025/);
  assert.notEqual(dayKey(new Date(2026, 0, 31)), dayKey(new Date(2026, 1, 1)));
});

test('a file is judged before it is sent', () => {
  assert.equal(objection({ type: 'image/png', size: 10 }, { uploadBytes: 10, pixels: 1 }), null);
  assert.equal(objection({ type: 'image/png', size: 11 }, { uploadBytes: 10, pixels: 1 }), 'imageTooLarge');
  assert.equal(objection({ type: 'image/svg+xml', size: 1 }, { uploadBytes: 10, pixels: 1 }), 'notAnImage');
  assert.equal(objection({ type: '', size: 1 }, { uploadBytes: 10, pixels: 1 }), 'notAnImage');
});

test('the lines for a shell carry the port and the password only when needed', () => {
  assert.deepEqual(commands('abc', false, 'host', 1883), {
    listen: 'mosquitto_sub -h host -t chat/abc',
    say: 'mosquitto_pub -h host -t chat/abc -m hello',
  });
  const locked = commands('abc', true, 'host', 2883).listen;
  assert.equal(locked, 'mosquitto_sub -h host -p 2883 -u room:abc -P PASSWORD -t chat/abc');
});

test('only cards are taken for cards, only events for events', () => {
  const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);
  assert.equal(readCard(bytes('{"id":"a","title":"b"}'))?.title, 'b');
  assert.equal(readEvent(bytes('{"type":"chat","seq":1}'))?.seq, 1);
  for (const text of ['', 'null', '[]', '1', '{', '{"id":1}', '"x"']) {
    assert.equal(readCard(bytes(text)), null, text);
    assert.equal(readEvent(bytes(text)), null, text);
  }
  assert.equal(roomOfCard('rooms/abc'), 'abc');
  assert.equal(roomOfCard('rooms/a/b'), null);
});
