// @ts-check
// axe: what on a page keeps people out.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * What axe finds, as lines.
 * @param {import('./people.js').Person} person
 * @returns {Promise<string[]>}
 */
export async function faults({ page }) {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    // A word that appears is faded in: its contrast is judged when it is there.
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {})));
    const { passes, violations } = await /** @type {any} */ (window).axe.run();
    if (passes.length === 0) return ['axe looked at nothing'];
    return violations.map(
      (/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => node.target).join(' ')}`,
    );
  });
}
