// @ts-check
// The emoji to choose from: each has a name in both languages, and is found by it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { WORDS, among, find, groups } from '../../public/js/emoji-names.js';

const all = groups('en').flatMap(({ emoji }) => emoji);
const texts = (/** @type {string} */ words) => find(words).map(({ text }) => text);

test('each is there once, is an emoji, and has two names', () => {
  assert.ok(all.length >= 80 && all.length <= 100, `${all.length}`);
  assert.equal(new Set(all.map(({ text }) => text)).size, all.length);
  for (const language of /** @type {const} */ (['en', 'ko'])) {
    assert.equal(new Set(all.map((emoji) => emoji[language])).size, all.length);
  }
  for (const { text, en, ko } of all) {
    assert.match(text, /^\p{Emoji}\uFE0F?$/u);
    assert.match(en, /^[A-Za-z -]+$/, text);
    assert.match(ko, /^[가-힣 ]+$/, text);
  }
});

test('both languages have the same groups and the same to say', () => {
  const [en, ko] = [groups('en'), groups('ko')];
  assert.deepEqual(en.map(({ emoji }) => emoji.length), ko.map(({ emoji }) => emoji.length));
  for (const { name } of ko) assert.match(name, /[가-힣]/);
  assert.deepEqual(Object.keys(WORDS.en), Object.keys(WORDS.ko));
});

test('one is found by its name or a word for it, in both languages', () => {
  for (const [words, found] of /** @type {const} */ ([
    ['birthday cake', '🎂'],
    ['BIRTHDAY', '🎂'],
    ['cake birth', '🎂'],
    ['생일', '🎂'],
    ['생일'.normalize('NFD'), '🎂'],
    ['lol', '😂'],
    ['ㅋㅋ', '😂'],
    ['커피', '☕'],
  ])) {
    assert.ok(texts(words).includes(found), words);
  }
  assert.deepEqual(texts('birthday pizza'), []);
  assert.deepEqual(texts('no such thing'), []);
});

test('of what was kept only what there is comes back', () => {
  assert.deepEqual(among(['🎂', '<b>', '', '👍']).map(({ text }) => text), ['🎂', '👍']);
});
