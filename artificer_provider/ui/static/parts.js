// The small pieces that several pages are made of.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { count, NOT_TOLD, percent, word } from "./format.js";
import { html } from "./html.js";
import { taskPage, useRoute } from "./route.js";

/** Paths of 16 by 16, so that a state is told by more than its colour. */
const ICONS = /** @type {Object<string, string>} */ ({
  PENDING: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 1.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Z",
  RUNNING: "M4.5 2.5v11l9-5.5z",
  PROCESSING: "M4.5 2.5v11l9-5.5z",
  PAUSED: "M4 3h3v10H4zM9 3h3v10H9z",
  COMPLETED: "m6.4 12.6-4-4L4 7l2.4 2.4L12 3.8l1.6 1.6z",
  FAILED: "M8 1 15.5 14.5H.5zM7.2 6v4.4h1.6V6zm0 5.4V13h1.6v-1.6z",
  CANCELLED: "m3.8 2.4 4.2 4.2 4.2-4.2 1.4 1.4L9.4 8l4.2 4.2-1.4 1.4L8 9.4l-4.2 4.2-1.4-1.4L6.6 8 2.4 3.8z",
  SKIPPED: "M3 3v10l6-5zm7 0h2.5v10H10z",
});
const OTHER = "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z";

/**
 * The state of a job or a row: a word, a sign and a colour. That a job is completed is no praise of its items.
 *
 * @param {{status: string, failed?: number}} props
 */
export function Status({ status, failed = 0 }) {
  const flawed = status === "COMPLETED" && failed > 0;
  return html`
    <span class="status" data-status=${flawed ? "FLAWED" : status}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path fill-rule="evenodd" d=${ICONS[flawed ? "FAILED" : status] ?? OTHER} />
      </svg>
      <span>${word(status)}${flawed && ", with failures"}</span>
    </span>
  `;
}

/** A figure, or in words that nobody told it. @param {{value: string|null, short?: boolean}} props */
export function Figure({ value, short = false }) {
  if (value !== null) return value;
  if (!short) return html`<span class="untold">${NOT_TOLD}</span>`;
  return html`<span class="untold" title=${NOT_TOLD}
    ><span aria-hidden="true">–</span><span class="hidden">${NOT_TOLD}</span></span
  >`;
}

/** Done, failed and the rest. @param {{completed: number, failed: number, total: number, label: string}} props */
export function Progress({ completed, failed, total, label }) {
  const text =
    `${count(completed)} of ${count(total)} done (${percent(completed, total) ?? "nothing to do"}), ` +
    `${count(failed)} failed`;
  return html`
    <div
      class="progress"
      role="progressbar"
      aria-label=${label}
      aria-valuemin="0"
      aria-valuemax=${Math.max(total, 1)}
      aria-valuenow=${Math.min(completed + failed, Math.max(total, 1))}
      aria-valuetext=${text}
    >
      <span class="done" style=${{ width: share(completed, total) }}></span>
      <span class="failed" style=${{ width: share(failed, total) }}></span>
    </div>
  `;
}

/**
 * How many items have been through a phase, well or not.
 *
 * @param {{done: number, total: number, name: string}} props
 */
export const Processed = ({ done, total, name }) => html`
  <div
    class="progress"
    role="progressbar"
    aria-label=${`Items through the phase ${name.slice(0, 60)}`}
    aria-valuemin="0"
    aria-valuemax=${Math.max(total, 1)}
    aria-valuenow=${Math.min(done, Math.max(total, 1))}
    aria-valuetext=${`${count(done)} of ${count(total)}`}
  >
    <span class="processed" style=${{ width: share(done, total) }}></span>
  </div>
`;

/** @param {number} part @param {number} whole */
const share = (part, whole) => `${whole > 0 ? Math.min(100, (100 * part) / whole) : 0}%`;

/**
 * A link within the page: with a plain click no reload, with any other the browser's own.
 *
 * @param {{to: import("./route.js").Changes, children?: any, [attribute: string]: any}} props
 */
export function Go({ to, children, ...attributes }) {
  const route = useRoute();
  const follow = (/** @type {MouseEvent} */ event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    route.go(to);
  };
  return html`<a href=${route.href(to)} onClick=${follow} ...${attributes}>${children}</a>`;
}

/**
 * Why something is not there, or not up to date, and what to do about it.
 *
 * @param {{error: import("./api.js").ApiError, retry: () => void, stale?: boolean}} props
 */
export const Problem = ({ error, retry, stale = false }) => html`
  <div class="notice" data-kind=${stale ? "warning" : "error"} role="alert">
    <p>
      ${stale && html`<strong>Not up to date. </strong>`}${clipped(error.message)} ${error.advice}${" "}
      ${error.passes && "This page goes on asking."}
    </p>
    <button type="button" onClick=${retry}>Try now</button>
  </div>
`;

const clipped = (/** @type {string} */ text) => (text.length > 600 ? `${text.slice(0, 600)}…` : text);

/** What is there instead of a list. @param {{title: string, children?: any}} props */
export const Empty = ({ title, children }) => html`
  <div class="empty">
    <h2>${title}</h2>
    ${children}
  </div>
`;

/** While the first answer is on its way: nothing at once, so that a quick one does not flicker. */
export const Waiting = () => html`<p class="waiting">Asking the engine…</p>`;

/**
 * @param {{offset: number, limit: number, shown: number, total: number|null, name: string, of: string}} props
 *   `name`: the key of the offset in the query string; `of`: what is counted
 */
export function Pager({ offset, limit, shown, total, name, of }) {
  const more = total === null ? shown === limit : offset + shown < total;
  if (offset === 0 && !more) return null;
  const back = Math.max(0, offset - limit);
  const range = shown ? `${count(offset + 1)}–${count(offset + shown)}` : "none";
  return html`
    <nav class="pager" aria-label=${`Pages of ${of}`}>
      <span>${range}${total !== null && ` of ${count(total)}`}</span>
      <${Step} to=${offset > 0 ? { [name]: back } : null}>Previous<//>
      <${Step} to=${more ? { [name]: offset + limit } : null}>Next<//>
    </nav>
  `;
}

/** @param {{to: import("./route.js").Changes|null, children?: any}} props */
const Step = ({ to, children }) =>
  to === null
    ? html`<button type="button" disabled>${children}</button>`
    : html`<${Go} class="button" to=${to}>${children}<//>`;

/**
 * One of several, as a row of buttons.
 *
 * @param {{label: string, value: string, options: [string, string][], choose: (value: string) => void}} props
 */
export const Choice = ({ label, value, options, choose }) => html`
  <div class="choice" role="group" aria-label=${label}>
    ${options.map(
      ([option, text]) => html`
        <button type="button" key=${option} aria-pressed=${option === value} onClick=${() => choose(option)}>
          ${text}
        </button>
      `,
    )}
  </div>
`;

/**
 * A text from afar, as long as it may be: its beginning, and all of it on request.
 *
 * @param {{text: string, limit?: number}} props
 */
export function LongText({ text, limit = 300 }) {
  const [open, setOpen] = useState(false);
  if (text.length <= limit) return html`<span class="text">${text}</span>`;
  return html`
    <span class="text" data-open=${open} tabindex=${open ? 0 : undefined}
      >${open ? text : `${text.slice(0, limit)}…`}</span
    >
    <button type="button" class="quiet" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      ${open ? "Less" : `All ${count(text.length)} characters`}
    </button>
  `;
}

/** A text to take along. @param {{text: string, label: string}} props */
export function Copied({ text, label }) {
  const [done, setDone] = useState(false);
  const field = useRef(/** @type {HTMLElement|null} */ (null));
  const copy = async () => {
    // Outside https and localhost there is no clipboard: then the text is marked, for Ctrl+C.
    const copied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setDone(copied === true);
    if (!copied && field.current) getSelection()?.selectAllChildren(field.current);
  };
  return html`
    <span class="copied">
      <code ref=${field}>${text}</code>
      <button type="button" class="quiet" aria-label=${`Copy ${label}`} onClick=${copy}>
        ${done ? "Copied" : "Copy"}
      </button>
    </span>
  `;
}

/** A table that may be wider than its place: then it scrolls by itself. @param {{label: string, children?: any}} props */
export function Wide({ label, children }) {
  const place = useRef(/** @type {HTMLElement|null} */ (null));
  const [wider, setWider] = useState(false);
  useEffect(() => {
    const box = /** @type {HTMLElement} */ (place.current);
    const observer = new ResizeObserver(() => setWider(box.scrollWidth > box.clientWidth));
    for (const it of [box, ...box.children]) observer.observe(it);
    return () => observer.disconnect();
  }, []);
  const reach = wider ? { tabindex: 0, role: "region", "aria-label": label } : {};
  return html`<div class="wide" ref=${place} ...${reach}>${children}</div>`;
}

/** @param {{engine: import("./types.js").Engine}} props */
export const EngineLine = ({ engine }) => html`
  <p class="engine">
    ${["Engine", engine.version].filter(Boolean).join(" ")}
    ${[engine.mode, engine.dialect, engine.address].filter(Boolean).map((it) => html` · <span class="text">${it}</span>`)}
  </p>
`;

/** The task that made the job. @param {{owner: import("./types.js").Owner}} props */
export const OwnerLink = ({ owner }) => html`
  <a class="owner" href=${taskPage(owner)}>
    <span>${owner.dag_id} / ${owner.task_id}${owner.map_index >= 0 && `[${owner.map_index}]`}</span>
    <span class="run">${owner.run_id}</span>
  </a>
`;
