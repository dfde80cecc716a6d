// Figures and words for people. Pure; what is unknown comes in and goes out as null.

/** Said where the engine is silent: a zero would be a claim. */
export const NOT_TOLD = "not told by the engine";

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const CENTS = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const SMALL = new Intl.NumberFormat("en-US", {
  style: "currency",
  currency: "USD",
  minimumFractionDigits: 2,
  maximumSignificantDigits: 3,
});

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const TERMINAL = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** @param {number|null|undefined} value @returns {string|null} */
export const count = (value) => (known(value) ? WHOLE.format(value) : null);

/**
 * Dollars with cents, or with three figures where cents would say nothing.
 *
 * @param {number|null|undefined} value
 * @returns {string|null}
 */
export function money(value) {
  if (!known(value)) return null;
  return value === 0 || Math.abs(value) >= 0.1 ? CENTS.format(value) : SMALL.format(value);
}

/**
 * A share in per cent, rounded; but never 100 % before it is all, never 0 % when it is something.
 *
 * @param {number} part
 * @param {number} whole
 * @returns {string|null}
 */
export function percent(part, whole) {
  if (whole <= 0) return null;
  if (part > 0 && part * 100 < whole) return "< 1 %";
  if (part < whole && part * 100 > 99 * whole) return "> 99 %";
  return `${Math.round((100 * part) / whole)} %`;
}

/** @param {number|null|undefined} seconds @returns {string|null} two units at most, such as "3 h 12 min" */
export function duration(seconds) {
  if (!known(seconds)) return null;
  if (seconds > 0 && seconds < 9.95) return `${TENTHS.format(Math.max(0.1, seconds))} s`;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return pair(whole, MINUTE, "min", 1, "s");
  if (whole < DAY) return pair(whole, HOUR, "h", MINUTE, "min");
  return pair(whole, DAY, "d", HOUR, "h");
}

/** @param {number|null|undefined} ms @returns {string|null} */
export function millis(ms) {
  if (!known(ms)) return null;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${TENTHS.format(ms / 1000)} s` : duration(ms / 1000);
}

/** @param {number|null|undefined} perSecond @returns {string|null} in the unit that has whole numbers */
export function rate(perSecond) {
  if (!known(perSecond)) return null;
  if (perSecond === 0) return "0/s";
  if (perSecond >= 10) return `${WHOLE.format(perSecond)}/s`;
  if (perSecond >= 1) return `${TENTHS.format(perSecond)}/s`;
  if (perSecond * MINUTE >= 1) return `${TENTHS.format(perSecond * MINUTE)}/min`;
  return `${TENTHS.format(perSecond * HOUR)}/h`;
}

/** @param {string|null} at @param {string} now @returns {string|null} */
export function age(at, now) {
  const seconds = between(at, now);
  if (seconds === null) return null;
  if (seconds < 1) return "now";
  const [most] = /^\d+ \w+/.exec(duration(seconds) ?? "") ?? ["now"];
  return `${most} ago`;
}

/** @param {string|null} from @param {string|null} to @returns {number|null} seconds */
export function between(from, to) {
  return from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;
}

/**
 * @param {string|null} at
 * @param {string} [now] on its day the time is enough
 * @returns {string|null} date and time of this browser's zone
 */
export function moment(at, now) {
  if (!at) return null;
  const time = clock(Date.parse(at), 0);
  return now && day(now) === day(at) ? time : `${day(at)} ${time}`;
}

/** @param {string} at */
function day(at) {
  const date = new Date(at);
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
}

/**
 * The label of a moment on a time axis: as much of it as differs over the axis.
 *
 * @param {number} at milliseconds
 * @param {number} span seconds from one end of the axis to the other
 * @returns {string}
 */
export function clock(at, span) {
  const date = new Date(at);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (span >= DAY) return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
  if (span >= HOUR) return time;
  const seconds = `${time}:${two(date.getSeconds())}`;
  return span > 0 && span < 10 ? `${seconds}.${Math.floor(date.getMilliseconds() / 100)}` : seconds;
}

/** @param {{title: string|null, id: string}} job @returns {string} */
export const titleOf = ({ title, id }) => clip(title || id, 200);

/** @param {string} status @returns {string} such as "Running" */
export function word(status) {
  const text = status.replaceAll("_", " ").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} status @returns {boolean} a word we do not know is no end */
export const isOver = (status) => TERMINAL.has(status);

/** @param {string} text @param {number} limit @returns {string} */
export function clip(text, limit) {
  return text.length > limit ? `${text.slice(0, limit).trimEnd()}…` : text;
}

/**
 * The end of an axis: the least round number that holds `highest`.
 *
 * @param {number} highest
 * @returns {number}
 */
export function axisEnd(highest) {
  if (!(highest > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(highest));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * unit >= highest * 0.999999) ?? 10;
  return step * unit;
}

/** @param {number|null|undefined} value @returns {value is number} */
function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** @param {number} value @param {number} big @param {string} bigName @param {number} small @param {string} smallName */
function pair(value, big, bigName, small, smallName) {
  const rest = Math.floor((value % big) / small);
  return `${Math.floor(value / big)} ${bigName}` + (rest ? ` ${rest} ${smallName}` : "");
}

/** @param {number} value */
const two = (value) => String(value).padStart(2, "0");
