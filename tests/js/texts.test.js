// @ts-check
// Every sentence that a script says is one that the server writes into the page, and the reverse.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

const root = new URL('../../', import.meta.url);
const read = (/** @type {string} */ path) => readFileSync(new URL(path, root), 'utf8');

const rust = read('src/web/texts.rs').split('pub struct ScriptTexts {')[1]?.split('\n}')[0] ?? '';
const written = new Set(
  [...rust.matchAll(/pub (\w+):/g)].map(([, name = '']) =>
    name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()),
  ),
);
const scripts = readdirSync(new URL('public/js/', root))
  .map((name) => read(`public/js/${name}`))
  .join('\n');

test('what a script says is written into the page', () => {
  assert.ok(written.size > 20);
  for (const [, name = ''] of scripts.matchAll(/\btexts\.(\w+)/g)) {
    assert.ok(written.has(name), `texts.${name}`);
  }
});

test('nothing is written into the page that no script or template says', () => {
  const templates = readdirSync(new URL('templates/', root))
    .map((name) => read(`templates/${name}`))
    .concat(read('src/web/pages.rs'))
    .join('\n');
  const snake = (/** @type {string} */ name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  for (const name of written) {
    const said = new RegExp(`\\b${name}\\b`).test(scripts) || templates.includes(`script.${snake(name)}`);
    assert.ok(said, name);
  }
});
