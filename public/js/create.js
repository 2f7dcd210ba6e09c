// @ts-check
// A new room, made in the lobby: the form of the page of its own, in a dialog. Fetched when it is
// wanted; where it cannot be had, that page is opened.

import { byId } from './page.js';
import { offerEyes } from './password.js';

const ANSWER_MS = 20_000;

/** @param {string} address of the page with the form */
export async function openForm(address) {
  const box = /** @type {HTMLDialogElement} */ (byId('create'));
  const form = box.querySelector('form') ?? (await fetched(address));
  if (!form) return location.assign(address);
  if (form.parentElement !== box) place(box, form, address);
  if (!box.open) box.showModal();
  /** @type {HTMLElement | null} */ (form.querySelector('[autofocus]'))?.focus();
}

/**
 * @param {HTMLDialogElement} box
 * @param {HTMLFormElement} form
 * @param {string} address
 */
function place(box, form, address) {
  form.querySelector('h1')?.setAttribute('id', 'create-heading');
  box.replaceChildren(form);
  offerEyes(form);
  form.querySelector('.actions a')?.addEventListener('click', (event) => {
    event.preventDefault();
    box.close();
  });
  let isSent = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isSent) return;
    isSent = true;
    const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
    const again = await fetched(address, { method: 'POST', body });
    isSent = false;
    // Nothing that can be shown here: the browser sends it itself, and shows the answer.
    if (!again) return form.submit();
    const password = /** @type {HTMLInputElement} */ (again.querySelector('[name=password]'));
    password.value = body.get('password') ?? '';
    place(box, again, address);
    /** @type {HTMLElement | null} */ (again.querySelector('[aria-invalid]'))?.focus();
  });
}

/**
 * The form that the server answers with. A room that was made is gone to, and this page left.
 * @param {string} address
 * @param {RequestInit} [options]
 * @returns {Promise<HTMLFormElement | null>}
 */
async function fetched(address, options = {}) {
  try {
    const headers = { accept: 'text/html' };
    const response = await fetch(address, { ...options, headers, signal: AbortSignal.timeout(ANSWER_MS) });
    if (response.ok && response.redirected) {
      location.assign(response.url);
      return await new Promise(() => {});
    }
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    return page.querySelector('form.sheet');
  } catch {
    return null;
  }
}
