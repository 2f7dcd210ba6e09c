// @ts-check
// Images made here, to be uploaded.

/** A GIF of one pixel. */
export const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkwBADs=', 'base64');

/** One frame of it. */
const frame = gif.subarray(19, -1);

/** The same, made about `bytes` long, by as many frames. */
export const padded = (/** @type {number} */ bytes) =>
  Buffer.concat([gif.subarray(0, 19), ...Array(Math.ceil(bytes / frame.length)).fill(frame), gif.subarray(-1)]);

/**
 * A GIF of one colour.
 * @param {number} width
 * @param {number} height
 * @param {number} [frames]
 */
export function sized(width, height, frames = 1) {
  const head = Buffer.from(gif.subarray(0, 19));
  const picture = Buffer.from(frame);
  for (const [at, length] of [width, height].entries()) {
    head.writeUInt16LE(length, 6 + 2 * at);
    picture.writeUInt16LE(length, 5 + 2 * at);
  }
  return Buffer.concat([head, ...Array(frames).fill(picture), gif.subarray(-1)]);
}

/**
 * The files as playwright gives them to a file chooser.
 * @param {string} name
 * @param {Buffer} [buffer]
 */
export const file = (name, buffer = gif) => ({ name, mimeType: 'image/gif', buffer });
