// @ts-check
// Images made here, to be uploaded.

/** A GIF of one pixel. */
export const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkwBADs=', 'base64');

/** The same, made `bytes` long: what follows the picture is ignored by those who show it. */
export const padded = (/** @type {number} */ bytes) =>
  Buffer.concat([gif, Buffer.alloc(bytes - gif.length)]);

/**
 * The files as playwright gives them to a file chooser.
 * @param {string} name
 * @param {Buffer} [buffer]
 */
export const file = (name, buffer = gif) => ({ name, mimeType: 'image/gif', buffer });
