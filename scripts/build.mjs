// Makes `public/vendor/mqtt.js`: the browser half of mqtt.js as one ES module.
//
// mqtt.js ships a browser bundle, but that also carries SOCKS, other transports, a debug logger and
// timers in a worker made from a blob, which our Content-Security-Policy forbids. Only its client
// and its WebSocket transport are taken here: half the bytes.

import { build } from 'esbuild';
import { writeFile } from 'node:fs/promises';

const entry = `
  import client from 'mqtt/lib/client';
  import { browserStreamBuilder } from 'mqtt/lib/connect/ws';
  export const MqttClient = client.default;
  export { browserStreamBuilder };
`;

/** Modules that the browser half names but never runs, or that only log. */
const replaced = {
  ws: 'module.exports = null',
  debug: 'module.exports = () => () => {}',
  'worker-timers': 'export const setInterval = null, clearInterval = null',
  // Only for topic aliases on what we publish; we ask for none.
  'lru-cache': 'export class LRUCache extends Map {}',
  '../../package.json': 'export const version = ""',
};

/** @type {import('esbuild').Plugin} */
const leaveOut = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    const names = Object.keys(replaced).map((name) => name.replaceAll('.', '\\.'));
    const filter = new RegExp(`^(${names.join('|')})$`);
    onResolve({ filter }, ({ path }) => ({ path, namespace: 'replaced' }));
    onLoad({ filter: /.*/, namespace: 'replaced' }, ({ path }) => ({
      contents: replaced[/** @type {keyof typeof replaced} */ (path)],
    }));
  },
};

await build({
  stdin: { contents: entry, resolveDir: process.cwd() },
  outfile: 'public/vendor/mqtt.js',
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  banner: { js: '/*! mqtt.js, MIT licence, https://github.com/mqttjs/MQTT.js */' },
  inject: ['scripts/node-globals.mjs'],
  plugins: [leaveOut],
  logLevel: 'warning',
});

await writeFile(
  'public/vendor/mqtt.d.ts',
  `import { MqttClient, IClientOptions } from 'mqtt';
export { MqttClient };
type StreamBuilder = ConstructorParameters<typeof MqttClient>[0];
export function browserStreamBuilder(
  client: MqttClient,
  options: IClientOptions,
): ReturnType<StreamBuilder>;
`,
);
