// @ts-check
// People with browsers: each has a session of their own, and does with the pages what people do.

import { chromium } from 'playwright-core';

import { DEADLINE_MS, until } from './wait.js';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').BrowserContextOptions} ContextOptions */

/** @type {ContextOptions} */
export const DESKTOP = { viewport: { width: 1280, height: 800 } };
/** @type {ContextOptions} */
export const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser, with an empty profile of its own. */
export class Browser {
  #browser;
  /** @type {string[]} what went wrong on the pages */
  faults = [];

  /** @param {import('playwright-core').Browser} browser */
  constructor(browser) {
    this.#browser = browser;
  }

  static async start() {
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
    return new Browser(await chromium.launch({ executablePath, args: ARGUMENTS }));
  }

  /**
   * Somebody new, at a page.
   * @param {string} url
   * @param {ContextOptions} [options]
   */
  async person(url, options = {}) {
    const context = await this.#browser.newContext({ locale: 'en-US', ...DESKTOP, ...options });
    context.setDefaultTimeout(DEADLINE_MS);
    context.on('page', (page) => this.#watch(page));
    context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url());
      const isOurs = ['blob:', 'data:'].includes(protocol) || ['127.0.0.1', 'localhost'].includes(hostname);
      if (!isOurs) this.faults.push(`a page asked ${request.url()}`);
    });
    const page = await context.newPage();
    await page.goto(url);
    return new Person(page, new URL(url).origin);
  }

  /** @param {Page} page */
  #watch(page) {
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('console', (message) => {
      const text = message.text();
      if (text.includes('Content Security Policy')) this.faults.push(text);
    });
  }

  async close() {
    await this.#browser.close();
    if (this.faults.length > 0) throw new Error(`on the pages: ${this.faults.join('\n')}`);
  }
}

export class Person {
  /**
   * @param {Page} page
   * @param {string} origin
   */
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
  }

  get context() {
    return this.page.context();
  }

  /** Another tab of the same person. */
  async tab(url = this.page.url()) {
    const page = await this.context.newPage();
    await page.goto(url);
    return new Person(page, this.origin);
  }

  /**
   * Makes a room by the form, and is in it.
   * @param {string} title
   * @param {{ max?: number, password?: string }} [wish]
   * @returns {Promise<string>} the room's id
   */
  async create(title, { max = 10, password = '' } = {}) {
    const { page } = this;
    await page.goto(`${this.origin}/room`);
    await page.getByLabel('Title').fill(title);
    await page.getByLabel('Capacity').fill(String(max));
    await page.getByLabel('Password', { exact: false }).and(page.locator('input')).fill(password);
    await page.getByRole('button', { name: 'Create room' }).click();
    await this.isIn();
    return new URL(page.url()).pathname.split('/').at(-1) ?? '';
  }

  /** @param {string} room */
  async enter(room) {
    await this.page.goto(`${this.origin}/room/${room}`);
    await this.isIn();
  }

  /** Until this person is an occupant, by the page's own list. */
  async isIn() {
    await this.page.locator('#occupants .badge:not([hidden])').first().waitFor({ state: 'attached' });
  }

  /**
   * Who this is, as the page was told.
   * @returns {Promise<{ uid: string, user: string }>}
   */
  me() {
    return this.page.evaluate(() => JSON.parse(document.getElementById('data')?.textContent ?? '').me);
  }

  /** The list of participants is in sight; on a phone it is opened. */
  async openPeople(name = /Participants/) {
    await this.#tapUntil(this.page.getByRole('button', { name }), true);
  }

  /** On a phone. */
  async closePeople() {
    await this.#tapUntil(this.page.locator('#people').getByRole('button', { name: 'Close' }), false);
  }

  /**
   * Where much else is done, a tap may arrive in two parts and be taken for a long press.
   * @param {import('playwright-core').Locator} button
   * @param {boolean} visible
   */
  async #tapUntil(button, visible) {
    const panel = this.page.locator('#people');
    await until(async () => {
      if ((await panel.isVisible()) === visible) return true;
      await button.tap();
      return panel.waitFor({ state: visible ? 'visible' : 'hidden', timeout: 2000 }).then(() => true, () => false);
    }, 'the list of participants');
  }

  /** @param {string} text */
  async say(text) {
    await this.page.locator('#chat').fill(text);
    await this.page.locator('#chat').press('Enter');
  }

  /** The texts in the conversation, in order. */
  said() {
    return this.page.locator('#messages [data-field=text]').allTextContents();
  }

  /**
   * Sends the images that are chosen, and waits until they are on their way.
   * @param {string} [caption]
   */
  async sendChosen(caption = '') {
    await this.page.locator('#chosen li').first().waitFor();
    await this.say(caption);
    await this.page.locator('#chosen').waitFor({ state: 'hidden' });
  }

  /** What the room itself said. */
  notices() {
    return this.page.locator('#messages .notice p:not(.day)').allTextContents();
  }

  /** Until all that was said here is in the log. */
  async isSent() {
    const waiting = this.page.locator('#outbox > li');
    await until(async () => (await waiting.count()) === 0, 'the outbox to be empty');
  }

  /** @param {string} text */
  async sees(text) {
    await this.page.getByText(text).first().waitFor();
  }

  /** What a program sees, as this person. @param {string} path */
  async json(path) {
    const headers = { accept: 'application/json' };
    const response = await this.context.request.get(`${this.origin}${path}`, { headers });
    return response.json();
  }

  /**
   * Says something without the page.
   * @param {string} room
   * @param {string} chat
   */
  async post(room, chat) {
    const response = await this.context.request.post(`${this.origin}/room/${room}/chat`, {
      headers: { accept: 'application/json' },
      data: { chat },
    });
    if (response.status() !== 201) throw new Error(`${response.status()}: ${await response.text()}`);
  }
}
