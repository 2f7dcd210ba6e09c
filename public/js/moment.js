// @ts-check
// Times as the reader's own clock and language show them.

const language = () => (typeof document === 'undefined' ? 'en' : document.documentElement.lang);

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {string} name
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(name, options) {
  const known = formats.get(name) ?? new Intl.DateTimeFormat(language(), options);
  formats.set(name, known);
  return known;
}

/** `14:05` or `2:05 PM`. @param {Date} moment */
export const clock = (moment) =>
  format('clock', { hour: 'numeric', minute: '2-digit' }).format(moment);

/** The whole moment, for a tooltip. @param {Date} moment */
export const whole = (moment) =>
  format('whole', { dateStyle: 'full', timeStyle: 'medium' }).format(moment);

/** Equal for moments of one local day. @param {Date} moment */
export const dayKey = (moment) =>
  moment.getFullYear() * 10000 + (moment.getMonth() + 1) * 100 + moment.getDate();

/**
 * The name of a day: today, yesterday, or its date.
 * @param {Date} moment
 * @param {Date} now
 * @param {{ today: string, yesterday: string }} texts
 */
export function dayName(moment, now, texts) {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayKey(moment) === dayKey(now)) return texts.today;
  if (dayKey(moment) === dayKey(yesterday)) return texts.yesterday;
  return format('day', { dateStyle: 'full' }).format(moment);
}

const UNITS = /** @type {const} */ ([
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]);
/** @type {Intl.RelativeTimeFormat | undefined} */
let relative;

/**
 * `5 min. ago`; `now` for less than a minute.
 * @param {Date} moment
 * @param {Date} now
 */
export function ago(moment, now) {
  relative ??= new Intl.RelativeTimeFormat(language(), { numeric: 'auto', style: 'short' });
  const seconds = Math.max(0, (now.getTime() - moment.getTime()) / 1000);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? ['second', Infinity];
  return relative.format(-Math.floor(seconds / length) || 0, unit);
}
