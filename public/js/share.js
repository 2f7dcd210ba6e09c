// @ts-check
// The room's address as a QR code, to be read by a phone. Fetched when it is wanted.

import { encode } from '../vendor/qr.js';
import { copy } from './clipboard.js';
import { byId, field } from './page.js';

/** Quiet modules around the code (ISO/IEC 18004). */
const QUIET = 4;

/**
 * @param {string} address as others can open it
 * @param {string} title
 * @param {Record<string, any>} texts
 */
export function openShare(address, title, texts) {
  const box = /** @type {HTMLDialogElement} */ (byId('share'));
  field(box, 'heading').textContent = title;
  field(box, 'address').textContent = address;
  const { data, size } = encode(address, { ecc: 'M', border: QUIET });
  const code = field(box, 'code');
  code.setAttribute('viewBox', `0 0 ${size} ${size}`);
  code.querySelector('path')?.setAttribute('d', path(data));
  field(box, 'copy').onclick = () => copy(address, texts.linkCopied, texts.copyFailed);
  field(box, 'close').onclick = () => box.close();
  const send = field(box, 'send');
  send.hidden = !navigator.share;
  // Who changes their mind has not failed.
  send.onclick = () => navigator.share({ title, url: address }).catch(() => {});
  box.showModal();
}

/** Every run of dark modules in a row is one bar. @param {boolean[][]} rows */
function path(rows) {
  let bars = '';
  for (const [y, row] of rows.entries()) {
    for (let from = 0; from < row.length; from += 1) {
      if (!row[from]) continue;
      let to = from;
      while (row[to]) to += 1;
      bars += `M${from} ${y}h${to - from}v1h${from - to}z`;
      from = to;
    }
  }
  return bars;
}
