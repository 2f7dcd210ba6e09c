// @ts-check
// The room page: joins the parts, decides nothing that they can decide.

import { Attachments } from './attachments.js';
import { Composer } from './composer.js';
import { Conversation } from './conversation.js';
import { History } from './history.js';
import { byId, data, revealScripted } from './page.js';
import { Participants } from './participants.js';
import { Sends } from './sends.js';
import { Status } from './status.js';
import * as topics from './topics.js';
import { Transport } from './transport.js';
import { watchPictures } from './viewer.js';
import { readCard, readEvent } from './wire.js';

/** @typedef {import('./wire.js').RoomEvent} RoomEvent */

const page = data();
const { base, me, texts, limits } = page;
/** @type {import('./wire.js').Card} */
let room = page.room;
const address = `${base}/room/${room.id}`;
/** @type {import('./render.js').Scene} */
const scene = { base, me, texts, nameOf: (uid) => participants.nameOf(uid) };
let over = false;
let unseen = 0;
/** @type {import('./owner.js').OwnerTools | null} */
let ownerTools = null;
/** @type {import('./alerts.js').Alerts | null} */
let alerts = null;

const status = new Status('connection', texts);
const participants = new Participants(address, scene, room.ownerId, {
  onWhisper: whisperTo,
  onManage: (person) => withTools((tools) => tools.manage(person)),
});
const conversation = new Conversation({
  scene,
  history: new History(address),
  events: page.events,
  before: page.before,
  onEvent,
  // The page came from the room: one that is not there any more has closed, whoever tells first.
  onRefused: (code) => (code === 404 ? end('endRemoved') : endBy('endRefused')),
});
const connection = new Transport({
  base,
  filters: [
    // This one is the joining.
    { topic: topics.chat(room.id), qos: 1 },
    { topic: topics.card(room.id), qos: 0 },
  ],
  onMessage,
  onState,
  onRefused,
  fallback: async () => {
    const { Stream } = await import('./stream.js');
    return (told) => new Stream({ address, room: room.id, after: () => conversation.last }, told);
  },
});
const keep = conversation.keep.bind(conversation);
const sends = new Sends({
  scene,
  textMax: limits.text,
  joined: () => connection.joined,
  publish: (payload, to) =>
    connection.publish(to ? topics.whisper(room.id, to.uid) : topics.chat(room.id), payload),
  onNotAllowed: () => conversation.catchUp(),
  keep,
});
const composer = new Composer({
  room: room.id,
  textMax: limits.text,
  texts,
  mayBeEmpty: () => attachments.waiting,
  say,
});
const attachments = new Attachments({
  address,
  scene,
  limits,
  whispering: () => composer.to !== null,
  keep,
  note: composer.note.bind(composer),
  onStored: (event) => conversation.receive(event),
});

conversation.drawn = (event) => {
  if (event.uid !== me.uid || !event.key) return;
  sends.arrived(event.key);
  attachments.remove(event.key);
};

/**
 * @param {string} chat
 * @param {import('./avatar.js').Who | null} to
 */
function say(chat, to) {
  if (attachments.waiting) {
    // They were chosen for all.
    if (to) composer.note(texts.noImageWhispers, true);
    else attachments.send(chat);
    conversation.toBottom();
    return !to;
  }
  if (to && connection.overHttp) {
    composer.note(texts.whisperNotNow, true);
    return false;
  }
  const taken = sends.say(chat, to);
  if (taken) conversation.toBottom();
  else composer.note(texts.tooMany, true);
  return taken;
}

/**
 * @param {import('./connection.js').ConnectionState} state
 * @param {import('./transport.js').Way} way
 */
function onState(state, way) {
  status.set(state, way === 'http' ? texts.overHttp : '');
  participants.offerWhispers(way === 'mqtt');
  if (state === 'lost') sends.interrupted();
  if (state !== 'joined') return;
  conversation.catchUp();
  participants.refresh();
  sends.flush();
}

/**
 * @param {string} topic
 * @param {Uint8Array} payload
 */
function onMessage(topic, payload) {
  if (over) return;
  if (topic === topics.card(room.id)) {
    if (payload.length === 0) return end('endRemoved');
    const card = readCard(payload);
    if (card) showCard(card);
  } else {
    const event = readEvent(payload);
    if (event?.to) return whispered(event);
    if (!event?.seq) return;
    if (event.type === 'removeRoom') return end('endRemoved');
    if (event.type === 'kick' && event.uid === me.uid) return endBy('endKicked');
    conversation.receive(event);
  }
}

/** @param {import('./wire.js').Person} person */
function whisperTo(person) {
  const people = byId('people');
  if (people.matches(':popover-open')) people.hidePopover();
  composer.whisperTo(person);
}

/** @param {RoomEvent} event each once, in order, also those of the past that we missed */
function onEvent(event) {
  if (event.type !== 'chat') return void participants.refresh();
  if (event.uid !== me.uid) tellNews(event);
}

/** @param {RoomEvent} event */
function whispered(event) {
  conversation.whisper(event);
  if (event.uid !== me.uid) tellNews(event);
}

/** @param {RoomEvent} event what somebody else said */
function tellNews(event) {
  if (!document.hidden) return;
  unseen += 1;
  tellTitle();
  alerts?.news(event, room, `${page.assets}/icon.svg`);
}

/**
 * @param {{ topic: string }} filter
 * @param {number} code
 */
function onRefused({ topic }, code) {
  if (topic !== topics.chat(room.id)) return;
  if (code === 0x97) return end('endFull');
  endBy('endRefused');
}

/**
 * As the room itself says why.
 * @param {import('./ending.js').Ending} otherwise
 */
function endBy(otherwise) {
  if (over) return;
  over = true;
  connection.close();
  participants.end();
  finish(otherwise, true);
}

/** @param {import('./wire.js').Card} card */
function showCard(card) {
  // Locked now; or nothing new to see, and yet told: the password may be another. Are we still in?
  const isNew = JSON.stringify(card) !== JSON.stringify(room);
  if (!isNew || (card.locked && !room.locked)) conversation.catchUp();
  room = card;
  byId('title').textContent = card.title;
  byId('locked').hidden = !card.locked;
  for (const place of document.querySelectorAll('[data-occupancy]')) {
    place.textContent = `${card.occupancy}/${card.max}`;
  }
  participants.ownedBy(card.ownerId);
  showTools();
  showCommands();
  tellTitle();
}

function showTools() {
  const isMine = room.ownerId === me.uid;
  byId('settings-open').hidden = !isMine;
  if (!isMine) ownerTools?.putAway();
}

/** @param {(tools: import('./owner.js').OwnerTools) => void} use */
async function withTools(use) {
  try {
    const { OwnerTools } = await import('./owner.js');
    use((ownerTools ??= new OwnerTools(address, texts)));
  } catch (error) {
    console.warn('owner:', error);
    composer.note(texts.notDone, true);
  }
}

async function share() {
  try {
    const { openShare } = await import('./share.js');
    openShare(location.origin + address, room.title, texts);
  } catch (error) {
    console.warn('share:', error);
    composer.note(texts.notDone, true);
  }
}

/** Fetched by who wants to be told, now or earlier. */
async function offerAlerts() {
  const { Alerts } = await import('./alerts.js');
  return (alerts ??= new Alerts(texts));
}

function watchAlerts() {
  if (localStorage.getItem('notify') || localStorage.getItem('sound')) {
    return void offerAlerts().catch((error) => console.warn('alerts:', error));
  }
  byId('alerts').addEventListener(
    'change',
    async ({ target }) => {
      const name = /** @type {HTMLInputElement} */ (target).name;
      (await offerAlerts()).changed(/** @type {import('./alerts.js').Alert} */ (name));
    },
    { once: true },
  );
}

/** Fetched when the lines are looked at. */
async function showCommands() {
  const place = /** @type {HTMLDetailsElement} */ (byId('device'));
  if (page.mqttPort === null || !place.open) return;
  const found = await import('./device.js').catch(() => null);
  if (!found) return;
  const { listen, say } = found.commands(room.id, room.locked, location.hostname, page.mqttPort);
  byId('command-listen').textContent = listen;
  byId('command-say').textContent = say;
  byId('device-locked').hidden = !room.locked;
}

function tellTitle() {
  const title = `${unseen ? `(${unseen}) ` : ''}${room.title} · Parlor`;
  if (document.title !== title) document.title = title;
}

/** @param {import('./ending.js').Ending} ending */
function end(ending) {
  if (over) return;
  over = true;
  connection.close();
  participants.end();
  finish(ending);
}

/**
 * @param {import('./ending.js').Ending} ending
 * @param {boolean} [ask] the room itself may know better
 */
async function finish(ending, ask = false) {
  status.set('joined');
  try {
    const { showEnding, whyEnded } = await import('./ending.js');
    showEnding(ask ? await whyEnded(address, ending) : ending, texts, address);
  } catch {
    // The server has another version by now: its own page tells what became of the room.
    location.reload();
  }
}

function seen() {
  if (document.hidden) return;
  unseen = 0;
  tellTitle();
  if (over) return;
  conversation.seen();
  connection.hurry();
  // A stream that died in our sleep does not know it.
  if (connection.overHttp) conversation.catchUp();
}

/**
 * @param {string} text
 * @param {string} copied what to say then
 */
async function copy(text, copied) {
  const { copy } = await import('./clipboard.js');
  await copy(text, copied, texts.copyFailed);
}

function watchButtons() {
  for (const button of document.querySelectorAll('[data-copies-link]')) {
    button.addEventListener('click', () => copy(location.origin + address, texts.linkCopied));
  }
  for (const button of document.querySelectorAll('[data-copies]')) {
    const source = byId(/** @type {HTMLElement} */ (button).dataset['copies'] ?? '');
    button.addEventListener('click', () => copy(source.textContent ?? '', texts.copied));
  }
  for (const button of document.querySelectorAll('[data-shares]')) button.addEventListener('click', share);
  byId('settings-open').addEventListener('click', () => withTools((tools) => tools.change(room)));
  const leave = /** @type {HTMLFormElement} */ (byId('leave'));
  leave.addEventListener('submit', async (event) => {
    event.preventDefault();
    over = true;
    await connection.close();
    leave.submit();
  });
  byId('device').addEventListener('toggle', showCommands);
  const people = byId('people');
  people.addEventListener('toggle', () => participants.refresh());
  // The last screen of a room has no such list.
  matchMedia('(min-width: 60rem)').addEventListener('change', () => people.isConnected && people.hidePopover());
}

watchPictures(byId('log'));
watchButtons();
watchAlerts();
showTools();
showCommands();
revealScripted();
addEventListener('online', () => connection.hurry());
document.addEventListener('visibilitychange', seen);
