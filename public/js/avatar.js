// @ts-check
// How people are drawn: a disc in their colour with two letters, or a dot beside their name.

import { GREY, inkOn, isColour, letters } from './colour.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {{ uid: string, user: string, name?: string }} Who */

/** What to call somebody: the name, else the colour. @param {Who} who */
export const shown = ({ name, user }) => name ?? user;

/**
 * Fills the avatar that a template holds.
 * @param {Element} root
 * @param {Who} who
 */
export function fillAvatar(root, who) {
  const colour = isColour(who.user) ? who.user : GREY;
  root.querySelector('.avatar circle')?.setAttribute('fill', colour);
  const text = root.querySelector('.avatar text');
  if (!text) return;
  text.setAttribute('fill', inkOn(colour));
  text.textContent = letters(who);
}

/** @param {string} colour */
function swatch(colour) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'swatch');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const circle = document.createElementNS(SVG, 'circle');
  for (const [name, value] of Object.entries({ cx: '8', cy: '8', r: '8', fill: colour })) {
    circle.setAttribute(name, value);
  }
  svg.append(circle);
  return svg;
}

/**
 * A sentence with a dot before each colour that it names.
 * @param {string} sentence
 * @returns {(string | Node)[]}
 */
export const withSwatches = (sentence) =>
  sentence
    .split(/(#[0-9a-f]{6})/i)
    .flatMap((part) => (isColour(part) ? [swatch(part), part] : part ? [part] : []));
