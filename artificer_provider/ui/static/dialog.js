// Pause, resume and cancel, each with a question before it.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { act, ApiError } from "./api.js";
import { useAnnounce } from "./app.js";
import { count, titleOf } from "./format.js";
import { html } from "./html.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").Action} Action */

/** @type {Object<Action, {verb: string, keep: string, doing: string, done: string, what: (job: Job) => string}>} */
const ACTIONS = {
  pause: {
    verb: "Pause",
    keep: "Let it run",
    doing: "Pausing…",
    done: "The job is paused.",
    what: () =>
      "No further item is started until somebody resumes the job; calls under way are finished, and billed. " +
      "A task that waits for the job goes on waiting.",
  },
  resume: {
    verb: "Resume",
    keep: "Leave it paused",
    doing: "Resuming…",
    done: "The job goes on.",
    what: (/** @type {Job} */ job) => `The ${count(rest(job))} items that are left are started, and billed.`,
  },
  cancel: {
    verb: "Cancel",
    keep: "Keep it",
    doing: "Cancelling…",
    done: "The job is cancelled.",
    what: (/** @type {Job} */ job) =>
      `${count(rest(job))} of ${count(job.total)} items will not be run. What is done stays, and stays billed. ` +
      "This cannot be undone.",
  },
};

/** @param {Job} job */
const rest = (job) => Math.max(0, job.total - job.completed - job.failed);

/**
 * The buttons for what is possible with a job.
 *
 * @param {{job: Job, door: string, changed: () => void}} props `changed` is called after the engine has agreed
 */
export function Actions({ job, door, changed }) {
  const [asked, setAsked] = useState(/** @type {Action|null} */ (null));
  const possible = /** @type {Action[]} */ (["pause", "resume", "cancel"]).filter((it) =>
    job.actions.includes(it),
  );
  return html`
    <div class="actions">
      ${possible.map(
        (action) => html`
          <button type="button" key=${action} data-action=${action} onClick=${() => setAsked(action)}>
            ${ACTIONS[action].verb}…
          </button>
        `,
      )}
      ${asked && html`<${Question} action=${asked} job=${job} door=${door} close=${() => setAsked(null)} changed=${changed} />`}
    </div>
  `;
}

/** @param {{action: Action, job: Job, door: string, close: () => void, changed: () => void}} props */
function Question({ action, job, door, close, changed }) {
  const { verb, keep, doing, done, what } = ACTIONS[action];
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {ApiError|null} */ (null));
  const announce = useAnnounce();
  const through = useRef(false);
  useEffect(() => openModal(/** @type {HTMLDialogElement} */ (dialog.current), through), []);

  const carryOut = async () => {
    setBusy(true);
    setError(null);
    try {
      await act(door, job.id, action);
      through.current = true;
      announce(done);
      changed();
      close();
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure);
      setBusy(false);
    }
  };
  const leave = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!busy) close();
  };
  return html`
    <dialog ref=${dialog} aria-labelledby="question" aria-describedby="consequence" onCancel=${leave}>
      <h2 id="question">${verb} this job?</h2>
      <p class="of">${titleOf(job)}</p>
      <p id="consequence">${what(job)}</p>
      ${error && html`<p class="notice" data-kind="error" role="alert">${error.message} ${error.advice}</p>`}
      <div class="buttons">
        <button type="button" autofocus onClick=${close} disabled=${busy}>${keep}</button>
        <button
          type="button"
          class=${action === "cancel" ? "danger" : "primary"}
          onClick=${carryOut}
          disabled=${busy}
        >
          ${busy ? doing : `${verb} the job`}
        </button>
      </div>
    </dialog>
  `;
}

/**
 * Make the rest of the page out of reach until the question is answered.
 *
 * Then the focus goes back to the button, or to the title once the button is about to go.
 *
 * @param {HTMLDialogElement} dialog
 * @param {{current: boolean}} through whether the action was carried out
 * @returns {() => void}
 */
function openModal(dialog, through) {
  const shadow = /** @type {ShadowRoot} */ (dialog.getRootNode());
  const before = /** @type {HTMLElement|null} */ (shadow.activeElement);
  dialog.showModal();
  return () => {
    const place = before?.isConnected && !through.current ? before : shadow.querySelector("[data-title]");
    queueMicrotask(() => /** @type {HTMLElement|null} */ (place)?.focus());
  };
}
