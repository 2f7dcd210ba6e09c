// @ts-check
// Waiting for what will be so, with a deadline; never for a time to pass.

import assert from 'node:assert/strict';

/** How long anything may take, on a machine that has much else to do. */
export const DEADLINE_MS = 15_000;
const LOOK_MS = 25;

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Looks until what is seen is as wanted; after the deadline the difference is told.
 * @template T
 * @param {() => T | Promise<T>} look
 * @param {T} wanted
 * @param {string} [what]
 */
export async function becomes(look, wanted, what = 'what is seen') {
  await until(async () => {
    try {
      assert.deepEqual(await look(), wanted);
      return true;
    } catch {
      return false;
    }
  }, null);
  try {
    assert.deepEqual(await look(), wanted);
  } catch (error) {
    throw new Error(`${what}: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * Asks until the answer is yes.
 * @param {() => unknown} isSo
 * @param {string | null} what for the error; without it a late no is no error
 */
export async function until(isSo, what) {
  const end = Date.now() + DEADLINE_MS;
  while (Date.now() < end) {
    if (await isSo()) return;
    await pause(LOOK_MS);
  }
  if (what !== null) assert.fail(`not within ${DEADLINE_MS} ms: ${what}`);
}
