// @ts-check
// What every file of journeys begins and ends with: a server, a browser, and both gone at the end.

import { after, before } from 'node:test';

import { Browser } from './people.js';
import { Server, endStore } from './server.js';
import { removeWires } from './wire.js';

/**
 * @param {Record<string, string>} [settings]
 * @returns {{ server: Server, browser: Browser }} there when the tests run
 */
export function stage(settings = {}) {
  const scene = /** @type {{ server: Server, browser: Browser }} */ ({});
  before(async () => {
    scene.server = await Server.start(settings);
    scene.browser = await Browser.start();
  });
  after(async () => {
    removeWires();
    try {
      await scene.browser?.close();
    } finally {
      try {
        await scene.server?.remove();
      } finally {
        await endStore();
      }
    }
  });
  return scene;
}
