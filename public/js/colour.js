// @ts-check
// Colours of people: readable ink on them, and letters that tell two of one colour apart.

/** For who has no colour. */
export const GREY = '#808080';

/** @param {string} text */
export const isColour = (text) => /^#[0-9a-f]{6}$/i.test(text);

/**
 * Relative luminance (WCAG 2.2) of `#rrggbb`, 0 to 1.
 * @param {string} colour
 */
function luminance(colour) {
  const channel = (/** @type {number} */ at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

/**
 * Black or white, whichever reads better on `colour`: at least 4.5 to 1 on any.
 * @param {string} colour
 */
export const inkOn = (colour) => (luminance(colour) > 0.179 ? '#000000' : '#ffffff');

/**
 * Two letters for an avatar: of the name, else of the public id.
 * @param {{ uid: string, name?: string }} who
 */
export const letters = ({ uid, name }) =>
  name ? [...name].slice(0, 2).join('').toUpperCase() : uid.slice(-2);
