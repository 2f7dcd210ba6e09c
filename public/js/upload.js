// @ts-check
// Sends one image over HTTP, with progress. No DOM.

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */

/** What the server takes. */
const TYPES = new Set(['image/gif', 'image/png', 'image/jpeg', 'image/webp']);

/** @typedef {{ uploadBytes: number, pixels: number }} Limits of one image */

/**
 * What speaks against a file before it is sent: the name of a sentence, or nothing.
 * @param {{ type: string, size: number }} file
 * @param {Limits} limits
 * @returns {'notAnImage' | 'imageTooLarge' | null}
 */
export function objection({ type, size }, { uploadBytes }) {
  if (!TYPES.has(type)) return 'notAnImage';
  return size > uploadBytes ? 'imageTooLarge' : null;
}

/** The server did not take it; `detail` says why in words, when it did say. */
export class UploadRefused extends Error {
  /**
   * @param {number} status 0 when there was no answer
   * @param {string} detail
   */
  constructor(status, detail) {
    super(`upload answered ${status}`);
    this.status = status;
    this.detail = detail;
  }
}

/**
 * @param {string} address the room's, without a slash at the end
 * @param {{ file: File, key: string, caption: string }} image
 * @param {(share: number) => void} onProgress 0 to 1
 * @returns {{ done: Promise<RoomEvent>, cancel: () => void }} `done` rejects with `UploadRefused`,
 *   or with an `AbortError` when cancelled
 */
export function upload(address, { file, key, caption }, onProgress) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append('key', key);
  if (caption) body.append('chat', caption);
  body.append('gif', file);
  /** @type {Promise<RoomEvent>} */
  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(loaded / total));
    request.addEventListener('load', () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(new UploadRefused(request.status, detail(request)));
    });
    request.addEventListener('error', () => reject(new UploadRefused(0, '')));
    request.addEventListener('abort', () => reject(new DOMException('cancelled', 'AbortError')));
  });
  request.open('POST', `${address}/gif`);
  request.setRequestHeader('accept', 'application/json');
  request.send(body);
  return { done, cancel: () => request.abort() };
}

/** The words of a problem document (RFC 9457). @param {XMLHttpRequest} request */
function detail(request) {
  if (!request.getResponseHeader('content-type')?.includes('json')) return '';
  try {
    return String(JSON.parse(request.responseText).detail ?? '');
  } catch {
    return '';
  }
}
