// @ts-check
// Sentences and the text of messages. Pure: no DOM, no network.

/**
 * `sentence` with every `{name}` replaced.
 * @param {string} sentence
 * @param {Record<string, string | number>} values
 */
export const fill = (sentence, values) =>
  sentence.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));

const LINK = /\bhttps?:\/\/[^\s<>"'`]+/gi;
/** A sentence's own punctuation, which is hardly ever part of an address. */
const TRAILING = /[.,;:!?…)\]}'"。、，！？]+$/u;

/**
 * Text cut into plain pieces and links. Only `http` and `https` become links.
 * @param {string} text
 * @returns {{ text: string, href?: string }[]}
 */
export function pieces(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = trimmed(match[0]);
    if (!URL.canParse(address)) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: address, href: address });
    from = match.index + address.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/**
 * An address without the punctuation around it; a closing bracket stays if it was opened inside.
 * @param {string} address
 */
function trimmed(address) {
  const tail = TRAILING.exec(address)?.[0] ?? '';
  const bare = address.slice(0, address.length - tail.length);
  const opened = bare.split('(').length - bare.split(')').length;
  return opened > 0 && tail.startsWith(')') ? `${bare})` : bare;
}

/** How many characters a reader counts; an emoji is one or two, never four. @param {string} text */
export const length = (text) => [...text].length;
