// @ts-check
// Images made here, to be uploaded.

/** A GIF of one pixel. */
export const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkwBADs=', 'base64');

/** One frame of it. */
const frame = gif.subarray(19, -1);

/** The same, made `bytes` long: what follows the picture is cut off by whoever takes it. */
export const padded = (/** @type {number} */ bytes) =>
  Buffer.concat([gif, Buffer.alloc(bytes - gif.length)]);

/**
 * A GIF of one colour, each frame whole.
 * @param {number} width
 * @param {number} height
 * @param {number} [frames]
 */
export function sized(width, height, frames = 1) {
  const head = Buffer.from(gif.subarray(0, 19));
  const place = Buffer.from(frame.subarray(0, 11));
  for (const [at, length] of [width, height].entries()) {
    head.writeUInt16LE(length, 6 + 2 * at);
    place.writeUInt16LE(length, 5 + 2 * at);
  }
  const picture = Buffer.concat([place, ...pixels(width * height), Buffer.alloc(1)]);
  return Buffer.concat([head, ...Array(frames).fill(picture), gif.subarray(-1)]);
}

/**
 * So many pixels of the first colour, in blocks. Codes have 3 bits: after each pair of pixels the
 * table is cleared, before they would get longer. @param {number} count
 */
function pixels(count) {
  /** @type {number[]} */
  const codes = [];
  for (let at = 0; at < count; at += 2) codes.push(4, 0, ...(at + 1 < count ? [0] : []));
  codes.push(5);
  const data = Buffer.alloc(Math.ceil((codes.length * 3) / 8) + 1);
  for (const [at, code] of codes.entries()) {
    const bit = at * 3;
    const both = (code << (bit % 8)) & 0xffff;
    data[bit >> 3] = (data[bit >> 3] ?? 0) | (both & 0xff);
    data[(bit >> 3) + 1] = both >> 8;
  }
  const blocks = [];
  for (let at = 0; at < data.length; at += 255) {
    const block = data.subarray(at, at + 255);
    blocks.push(Buffer.from([block.length]), block);
  }
  return blocks;
}

/**
 * The files as playwright gives them to a file chooser.
 * @param {string} name
 * @param {Buffer} [buffer]
 */
export const file = (name, buffer = gif) => ({ name, mimeType: 'image/gif', buffer });
