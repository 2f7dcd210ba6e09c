// @ts-check
// One line of the conversation as DOM. Text becomes text nodes, never markup. No MQTT.

import { fillAvatar, shown, withSwatches } from './avatar.js';
import { clock, whole } from './moment.js';
import { field, fromTemplate } from './page.js';
import { fill, pieces } from './text.js';

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */

/**
 * @typedef {object} Scene
 * @property {string} base
 * @property {{ uid: string, user: string }} me
 * @property {Record<string, any>} texts
 * @property {(uid: string) => string} nameOf what to call somebody of whom only the id is known
 */

/**
 * @param {RoomEvent} event
 * @param {Scene} scene
 */
export function messageLine(event, scene) {
  const line = emptyLine(event, scene, event.uid === scene.me.uid);
  if (event.to) {
    const mine = event.uid === scene.me.uid;
    markWhisper(line, mine ? scene.texts.whisperTo : scene.texts.whisperFrom, mine ? scene.nameOf(event.to) : shown(event));
  }
  const moment = new Date(event.createdAt);
  const time = /** @type {HTMLTimeElement} */ (field(line, 'time'));
  time.dateTime = event.createdAt;
  time.textContent = clock(moment);
  time.title = whole(moment);
  const text = field(line, 'text');
  if (event.chat) text.append(...linked(event.chat));
  if (event.gif) {
    const alt = event.chat || fill(scene.texts.imageBy, { name: shown(event) });
    text.before(picture(event, alt, scene));
    if (!event.chat) text.remove();
  }
  return line;
}

/**
 * A line of mine that is not in the log yet.
 * @param {string} chat
 * @param {Scene} scene
 * @param {import('./avatar.js').Who | null} to whom it is whispered to
 */
export function sendLine(chat, scene, to = null) {
  const line = emptyLine(scene.me, scene, true);
  if (to) markWhisper(line, scene.texts.whisperTo, shown(to));
  field(line, 'text').append(...linked(chat));
  const state = document.createElement('span');
  state.className = 'send-state';
  state.dataset['field'] = 'state';
  field(line, 'time').replaceWith(state);
  return line;
}

/**
 * Says above the text that it is between two.
 * @param {HTMLElement} line
 * @param {string} sentence
 * @param {string} name
 */
function markWhisper(line, sentence, name) {
  line.classList.add('whisper');
  const label = document.createElement('p');
  label.className = 'whisper-label';
  label.append(...withSwatches(fill(sentence, { name })));
  line.querySelector('.bubble')?.prepend(label);
}

/**
 * @param {import('./avatar.js').Who} who
 * @param {Scene} scene
 * @param {boolean} mine
 */
function emptyLine(who, scene, mine) {
  const line = fromTemplate('message');
  line.classList.toggle('mine', mine);
  fillAvatar(line, who);
  field(line, 'author').textContent = mine ? scene.texts.me : shown(who);
  return line;
}

/** @param {string} text */
function linked(text) {
  return pieces(text).map(({ text, href }) => {
    if (!href) return text;
    const link = document.createElement('a');
    link.href = href;
    link.rel = 'noopener noreferrer nofollow';
    link.target = '_blank';
    link.textContent = text;
    return link;
  });
}

/** What a picture takes in a line at most, in CSS pixels. `pages.rs` knows the same. */
const BOX = { width: 320, height: 400 };
/** For pictures of which nobody knows the size. */
const UNKNOWN = { width: 320, height: 240 };

/**
 * What a picture takes in a line: its own size, or what fits.
 * @param {number} width
 * @param {number} height
 */
export function boxSize(width, height) {
  const scale = Math.min(1, BOX.width / width, BOX.height / height);
  const scaled = (/** @type {number} */ length) => Math.max(1, Math.round(length * scale));
  return { width: scaled(width), height: scaled(height) };
}

/**
 * An image in a box of its own shape, so that nothing moves when it arrives.
 * @param {RoomEvent} event
 * @param {string} alt
 * @param {Scene} scene
 */
function picture({ gif, width = 0, height = 0, animated }, alt, scene) {
  const link = document.createElement('a');
  link.className = 'picture';
  link.href = `${scene.base}/gif/${gif}`;
  const image = document.createElement('img');
  image.loading = 'lazy';
  image.decoding = 'async';
  const size = width > 0 && height > 0 ? boxSize(width, height) : UNKNOWN;
  image.width = size.width;
  image.height = size.height;
  image.alt = alt;
  image.src = link.href;
  image.addEventListener('error', () => {
    const gone = document.createElement('p');
    gone.className = 'picture gone';
    gone.textContent = scene.texts.imageGone;
    link.replaceWith(gone);
  });
  link.append(image);
  if (animated && matchMedia('(prefers-reduced-motion: reduce)').matches) {
    link.classList.add('still');
    import('./still.js').then(
      ({ hold }) => hold(link, image, scene.texts.play),
      (error) => console.warn('still:', error),
    );
  }
  return link;
}

/** @type {Record<string, string>} */
const NOTICES = { join: 'noticeJoin', exit: 'noticeExit', owner: 'noticeOwner', kick: 'noticeKick' };

/**
 * What the server said, in one centred line.
 * @param {RoomEvent} event
 * @param {Record<string, any>} texts the reader's language; the event carries the server's
 */
export function noticeText(event, texts) {
  const text = document.createElement('p');
  const name = event.name ?? /#[0-9a-f]{6}/i.exec(event.chat ?? '')?.[0];
  const sentence = texts[NOTICES[event.type] ?? ''];
  text.append(...withSwatches(name && sentence ? fill(sentence, { name }) : (event.chat ?? '')));
  return text;
}
