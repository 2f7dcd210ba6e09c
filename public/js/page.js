// @ts-check
// What the server wrote into the page for its script.

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/** The page's data block. @returns {any} */
export const data = () => JSON.parse(byId('data').textContent ?? '{}');

/**
 * The first element of a `<template>`, ready to be filled.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const first = /** @type {HTMLElement} */ (template.content.firstElementChild);
  return /** @type {HTMLElement} */ (first.cloneNode(true));
}

/**
 * The element of `root` that a template marks with `data-field`.
 * @param {Element} root
 * @param {string} name
 * @returns {HTMLElement}
 */
export function field(root, name) {
  const found = root.querySelector(`[data-field="${name}"]`);
  if (!found) throw new Error(`no field ${name}`);
  return /** @type {HTMLElement} */ (found);
}

/**
 * Writes a text, if it is another: the same once more would cost a layout, and be read out again.
 * @param {Element} element
 * @param {string} text
 */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows what only works with scripts. */
export function revealScripted() {
  for (const element of document.querySelectorAll('[data-scripted]')) {
    element.removeAttribute('hidden');
  }
}
