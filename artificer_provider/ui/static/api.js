// What is asked of the server, and how often.

import { useEffect, useRef, useState } from "./vendor/hooks.js";

/** The API lies beside the folder this file is served from, under whatever base path Airflow has. */
const ROOT = new URL("../", import.meta.url);

const SLOWEST = 30_000;

/** What to do next, by the status of a refusal; the server says what happened. */
const ADVICE = /** @type {Object<number, string>} */ ({
  401: "Sign in to Airflow again, then reload this page.",
  403: "Ask whoever runs this Airflow for the right.",
  404: "It may have been deleted, or belong to another connection.",
  409: "Its state has changed meanwhile: look again.",
  429: "The engine asks for a slower pace; this page waits and asks again.",
  502: "Test the connection under Admin, Connections.",
  504: "The engine is slow or not reachable from the API server of Airflow.",
});

/** A refusal or a failure, as a sentence. */
export class ApiError extends Error {
  /** @param {number} status 0 where no answer came @param {string} message */
  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }

  get advice() {
    return this.status === 0
      ? "Is the API server of Airflow running, and are you connected?"
      : (ADVICE[this.status] ?? "");
  }

  /** Whether the same question can have another answer in a moment. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Where the jobs of a connection are. @param {string} connection @returns {string} */
export const ofConnection = (connection) => `connections/${encodeURIComponent(connection)}`;

/** Where the jobs of a task are. @param {import("./types.js").Owner} task @returns {string} */
export const ofTask = ({ dag_id, run_id, task_id, map_index }) =>
  ["tasks", dag_id, run_id, task_id, String(map_index)].map(encodeURIComponent).join("/");

/** One job behind a door. @param {string} door @param {string} job @returns {string} */
export const ofJob = (door, job) => `${door}/jobs/${encodeURIComponent(job)}`;

/**
 * @param {string} path
 * @param {Object<string, string|number|null>} query what is null or empty is left out
 * @returns {string}
 */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export const read = (path, signal) => ask(path, { signal });

/**
 * Pause, resume or cancel a job.
 *
 * @param {string} door
 * @param {string} job
 * @param {import("./types.js").Action} action
 * @returns {Promise<import("./types.js").Job>}
 */
export function act(door, job, action) {
  return ask(`${ofJob(door, job)}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Artificer-Action": "1" },
    body: "{}",
  });
}

/** @param {string} path @param {RequestInit} init @returns {Promise<any>} */
async function ask(path, init) {
  const response = await fetch(new URL(path, ROOT), {
    credentials: "same-origin",
    cache: "no-store",
    ...init,
  }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "No answer came from Airflow.");
  });
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw new ApiError(response.status, sentence(response, body));
}

/** @param {Response} response @param {any} body @returns {string} */
function sentence(response, body) {
  if (typeof body?.detail === "string" && body.detail) return body.detail;
  return response.ok
    ? "Airflow answered with something that is no JSON."
    : `Airflow answered ${response.status} ${response.statusText}`.trim() + ".";
}

/**
 * @template T
 * @typedef {object} Polled
 * @property {T|null} data the last good answer; while another path is asked for the first time, that of the one before
 * @property {ApiError|null} error why there is no newer one
 * @property {boolean} busy whether `path` has had no answer yet
 * @property {() => void} refresh ask now
 */

/**
 * Ask `path` again and again while the tab is seen and `wait` says so.
 *
 * After a failure that may pass the pause doubles up to half a minute; any other ends it until `refresh`.
 *
 * @template T
 * @param {string|null} path nothing is asked for null
 * @param {(data: T) => number|null} wait milliseconds to the next question, null when nothing can change any more
 * @returns {Polled<T>}
 */
export function usePolled(path, wait) {
  const [answer, setAnswer] = useState(/** @type {Answer<T>} */ ({ path: null, data: null, error: null }));
  const ask = useRef(() => {});
  const latest = useRef(wait);
  latest.current = wait;
  useEffect(() => {
    if (path === null) return undefined;
    const polling = poll(
      path,
      (data) => latest.current(data),
      (change) =>
        setAnswer((/** @type {Answer<T>} */ old) => ({
          ...(old.path === path ? old : { data: null }),
          error: null,
          path,
          ...change,
        })),
    );
    ask.current = polling.now;
    return polling.stop;
  }, [path]);
  const fresh = answer.path === path;
  return {
    data: answer.data,
    error: fresh ? answer.error : null,
    busy: !fresh,
    refresh: () => ask.current(),
  };
}

/**
 * @template T
 * @typedef {{path: string|null, data: T|null, error: ApiError|null}} Answer
 */

/**
 * @template T
 * @param {string} path
 * @param {(data: T) => number|null} wait
 * @param {(change: {data?: T, error?: ApiError}) => void} tell
 */
function poll(path, wait, tell) {
  let timer = 0;
  let failures = 0;
  let due = true;
  let asking = /** @type {AbortController|null} */ (null);

  const later = (/** @type {number|null} */ pause) => {
    due = pause !== null;
    if (pause !== null) timer = setTimeout(now, pause);
  };
  const once = async (/** @type {AbortController} */ mine) => {
    try {
      const data = await read(path, mine.signal);
      if (mine.signal.aborted) return;
      failures = 0;
      tell({ data });
      later(wait(data));
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      failures += 1;
      tell({ error });
      later(error.passes ? Math.min(SLOWEST, 2000 * 2 ** (failures - 1)) : null);
    }
  };
  const now = () => {
    clearTimeout(timer);
    asking?.abort();
    due = true;
    if (document.hidden) return;
    asking = new AbortController();
    void once(asking);
  };
  const seen = () => {
    clearTimeout(timer);
    if (document.hidden) asking?.abort();
    else if (due) now();
  };
  document.addEventListener("visibilitychange", seen);
  now();
  return {
    now,
    stop: () => {
      document.removeEventListener("visibilitychange", seen);
      clearTimeout(timer);
      asking?.abort();
    },
  };
}
