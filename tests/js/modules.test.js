// @ts-check
// A page names all modules that its script needs, so that a browser fetches them at once and not
// one after the other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (/** @type {string} */ path) => readFileSync(join(root, path), 'utf8');

/**
 * The modules that `module` imports, directly or not, and itself.
 * @param {string} module
 * @param {Set<string>} found
 */
function closure(module, found = new Set()) {
  if (found.has(module)) return found;
  found.add(module);
  if (module.startsWith('vendor/')) return found;
  // As it is written: what is served has the same imports.
  for (const [, name = ''] of read(`public/${module.replace('min/', 'js/')}`).matchAll(/from '(\.[^']+)'/g)) {
    closure(posix.join(posix.dirname(module), name), found);
  }
  return found;
}

for (const page of ['lobby', 'room', 'help']) {
  test(`the ${page} page names exactly the modules it needs`, () => {
    const template = read(`templates/${page}.html`);
    const named = [...template.matchAll(/(?:modulepreload" href|module" src)="\{\{ layout\.assets \}\}\/([^"]+)"/g)];
    assert.deepEqual(named.map(([, name]) => name).sort(), [...closure(`min/${page}.js`)].sort());
  });
}
