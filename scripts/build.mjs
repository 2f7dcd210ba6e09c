// Makes what the pages load. `public/min`: their own modules, each as it is in `public/js`, without
// comments and long names. `public/vendor`: what they take from npm, each as one ES module: `mqtt.js`,
// the browser half of mqtt.js, and `qr.js`.
//
// mqtt.js ships a browser bundle, but that also carries SOCKS, other transports, a debug logger and
// timers in a worker made from a blob, which our Content-Security-Policy forbids. Only its client
// and its WebSocket transport are taken here: half the bytes.

import { build } from 'esbuild';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';

const entry = `
  export { default as MqttClient } from 'mqtt/lib/client';
  export { browserStreamBuilder } from 'mqtt/lib/connect/ws';
`;

/** Modules that the browser half names but never runs, or that only log. */
const replaced = {
  ws: 'module.exports = null',
  debug: 'module.exports = () => () => {}',
  'worker-timers': 'export const setInterval = null, clearInterval = null',
  // Only for topic aliases on what we publish; we ask for none.
  'lru-cache': 'export class LRUCache extends Map { constructor() { super(); } }',
  // Four classes of it are used; its index brings pipelines, operators and more.
  'readable-stream': `
    const { Stream } = require('readable-stream/lib/internal/streams/legacy');
    Stream._isUint8Array = (value) => value instanceof Uint8Array;
    Stream._uint8ArrayToBuffer = ({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength);
    exports.Readable = require('readable-stream/lib/internal/streams/readable');
    exports.Writable = require('readable-stream/lib/internal/streams/writable');
    exports.Duplex = require('readable-stream/lib/internal/streams/duplex');
    exports.Transform = require('readable-stream/lib/internal/streams/transform');`,
  // For text streams, for streams made from other things, and for old browsers.
  'string_decoder/': 'exports.StringDecoder = null',
  './from': 'module.exports = null',
  './duplexify': 'module.exports = null',
  // What is asked of is our own.
  '../validators': 'module.exports = new Proxy({}, { get: () => () => {} })',
  'abort-controller': 'module.exports = globalThis',
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
      resolveDir: process.cwd(),
    }));
  },
};

await rm('public/min', { recursive: true, force: true });
await build({
  entryPoints: ['public/js/*.js'],
  outdir: 'public/min',
  format: 'esm',
  target: 'es2022',
  minify: true,
  logLevel: 'warning',
});

const { metafile } = await build({
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
  metafile: true,
});

const qr = await build({
  stdin: { contents: `export { encode } from 'uqr';`, resolveDir: process.cwd() },
  outfile: 'public/vendor/qr.js',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  banner: { js: '/*! uqr, MIT licence, https://github.com/unjs/uqr */' },
  logLevel: 'warning',
  metafile: true,
});
await writeFile('public/vendor/qr.d.ts', `export { encode } from 'uqr';\n`);

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

// The licences of what is in the bundle ask to come with it.
const inputs = [...Object.keys(metafile.inputs), ...Object.keys(qr.metafile.inputs)];
const folders = inputs.flatMap(
  (path) => /^node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
);
const licences = [];
for (const folder of [...new Set(folders)].sort()) {
  const name = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
  if (name) licences.push(`== ${folder.slice('node_modules/'.length)}\n\n${await readFile(`${folder}/${name}`, 'utf8')}`);
}
await writeFile('public/vendor/LICENCES.txt', licences.join('\n\n'));
