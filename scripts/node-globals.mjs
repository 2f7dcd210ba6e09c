// The Node globals that mqtt.js expects a bundler to supply.
export { Buffer } from 'buffer';
export { default as process } from 'process';
export const global = globalThis;
