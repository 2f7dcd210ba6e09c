// @ts-check
// Ready lines for a shell that make a device a member of this room.

import * as topics from './topics.js';

const MQTT_PORT = 1883;

/**
 * @param {string} room
 * @param {boolean} locked
 * @param {string} host
 * @param {number} port
 */
export function commands(room, locked, host, port) {
  const where = port === MQTT_PORT ? `-h ${host}` : `-h ${host} -p ${port}`;
  const password = locked ? ` -u room:${room} -P PASSWORD` : '';
  const topic = `-t ${topics.chat(room)}`;
  return {
    listen: `mosquitto_sub ${where}${password} ${topic}`,
    say: `mosquitto_pub ${where}${password} ${topic} -m hello`,
  };
}
