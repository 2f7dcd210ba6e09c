// @ts-check
// The only place where the names of topics are spelled.

export const allCards = 'rooms/+';

/** @param {string} room */
export const card = (room) => `rooms/${room}`;

/** @param {string} room */
export const chat = (room) => `chat/${room}`;

/**
 * @param {string} room
 * @param {string} uid
 */
export const whisper = (room, uid) => `chat/${room}/to/${uid}`;

/**
 * The room that a card's topic speaks of; null for any other topic.
 * @param {string} topic
 */
export const roomOfCard = (topic) => /^rooms\/([^/]+)$/.exec(topic)?.[1] ?? null;
