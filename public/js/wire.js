// @ts-check
// What travels: the JSON of cards and events, read from bytes.

/**
 * @typedef {object} Card
 * @property {string} id
 * @property {string} title
 * @property {number} max
 * @property {string} owner the owner's name or colour
 * @property {string} ownerId
 * @property {boolean} locked
 * @property {boolean} offRecord
 * @property {boolean} keep
 * @property {number} occupancy
 * @property {string} createdAt
 */

/**
 * @typedef {object} RoomEvent
 * @property {'chat' | 'join' | 'exit' | 'owner' | 'kick' | 'removeRoom'} type
 * @property {string} room
 * @property {number} seq whispers have none
 * @property {string} id
 * @property {string} user a colour, or `system`
 * @property {string} uid
 * @property {string} [name]
 * @property {string} [chat]
 * @property {string} [gif]
 * @property {number} [width] the image's, in pixels; old ones have none
 * @property {number} [height]
 * @property {boolean} [animated]
 * @property {string} [to] to whom it is whispered
 * @property {string} [key]
 * @property {number} [occupancy]
 * @property {string} createdAt
 */

/**
 * @typedef {object} Person
 * @property {string} uid
 * @property {string} user
 * @property {string} [name]
 * @property {'browser' | 'device' | 'anonymous'} kind
 * @property {number} [connections]
 */

const decoder = new TextDecoder();

/**
 * The JSON object in `bytes`; null when there is none.
 * @param {Uint8Array} bytes
 * @returns {Record<string, unknown> | null}
 */
function object(bytes) {
  try {
    const value = JSON.parse(decoder.decode(bytes));
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Card | null}
 */
export function readCard(bytes) {
  const value = object(bytes);
  return typeof value?.id === 'string' ? /** @type {any} */ (value) : null;
}

/**
 * @param {Uint8Array} bytes
 * @returns {RoomEvent | null}
 */
export function readEvent(bytes) {
  const value = object(bytes);
  return typeof value?.type === 'string' ? /** @type {any} */ (value) : null;
}
