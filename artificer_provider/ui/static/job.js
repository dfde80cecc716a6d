// One job: what it has done, what it cost, what went wrong.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { ofJob, usePolled } from "./api.js";
import { Title, useAnnounce, usePaintMark } from "./app.js";
import { LatencyChart, StatesChart, TimeChart } from "./charts.js";
import { Actions } from "./dialog.js";
import {
  between,
  count,
  duration,
  isOver,
  millis,
  moment,
  money,
  percent,
  rate,
  titleOf,
  word,
} from "./format.js";
import { html } from "./html.js";
import {
  EngineLine,
  Figure,
  LongText,
  OwnerLink,
  Problem,
  Processed,
  Progress,
  Status,
  Waiting,
  Wide,
} from "./parts.js";
import { RowsSection } from "./rows.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").JobPage} Page */
/** @typedef {import("./types.js").Phase} Phase */

const EVERY = 2000;
const FAILURES = 5;

/**
 * @param {{door: string, job: string}} props `door`: where the API shows the job, a connection's or a task's
 */
export function JobPage({ door, job }) {
  const { data, error, refresh } = usePolled(ofJob(door, job), wait);
  usePaintMark("job", data !== null);
  useStateAnnounced(data?.job);
  return html`
    ${error && html`<${Problem} error=${error} retry=${refresh} stale=${data !== null} />`}
    ${!data && !error && html`<${Waiting} />`}
    ${data && html`<${Shown} page=${data} door=${door} refresh=${refresh} />`}
  `;
}

/** @param {Page} page */
const wait = ({ job }) => (isOver(job.status) ? null : EVERY);

/** Tell a screen reader when the state changes: each poll would be too much. @param {Job|undefined} job */
function useStateAnnounced(job) {
  const announce = useAnnounce();
  const before = useRef(/** @type {string|undefined} */ (undefined));
  const status = job?.status;
  useEffect(() => {
    if (job && before.current && before.current !== status) {
      announce(
        `${word(job.status)}: ${count(job.completed)} of ${count(job.total)} done, ${count(job.failed)} failed.`,
      );
    }
    before.current = status;
  }, [status]);
}

/** @param {{page: Page, door: string, refresh: () => void}} props */
function Shown({ page, door, refresh }) {
  const { job } = page;
  return html`
    <header class="job">
      <div>
        <${Title} as="h2">${titleOf(job)}<//>
        <p class="under">
          <${Status} ...${job} />
          ${job.owner && html`<${OwnerLink} owner=${job.owner} />`}
        </p>
      </div>
      <${Actions} job=${job} door=${door} changed=${refresh} />
    </header>
    ${job.error && html`<${JobError} job=${job} />`}
    <${Headline} page=${page} />
    <${Charts} page=${page} />
    ${page.phases.length > 0 && html`<${Phases} phases=${page.phases} total=${job.total} />`}
    ${page.failures.length > 0 && html`<${Failures} page=${page} />`}
    <${RowsSection} door=${door} job=${job} />
    <footer>
      <${EngineLine} engine=${page.engine} />
      <p>Job <code>${job.id}</code> of the connection <code>${page.connection_id}</code></p>
    </footer>
  `;
}

/** @param {{job: Job}} props */
const JobError = ({ job }) => html`
  <div class="notice" data-kind=${job.status === "FAILED" ? "error" : "warning"}>
    <p><strong>The engine says: </strong><${LongText} text=${job.error} limit=${600} /></p>
  </div>
`;

/** @param {{page: Page}} props */
function Headline({ page }) {
  const { job, now } = page;
  const over = isOver(job.status);
  const taken = between(job.started_at, job.ended_at ?? (over ? job.updated_at : now));
  return html`
    <section aria-label="In short" class="panel headline">
      <${Progress} ...${job} label="Progress" />
      ${!over && page.phases.length > 1 && html`<${PhasesUnderWay} page=${page} />`}
      <dl>
        <${Fact}
          name="Done"
          value=${count(job.completed)}
          note=${`of ${count(job.total)}, ${percent(job.completed, job.total) ?? "0 %"}`}
        />
        <${Fact} name="Failed" value=${count(job.failed)} kind=${job.failed > 0 ? "bad" : undefined} />
        <${Fact} name="Cost" value=${money(job.cost)} note=${perItem(job)} />
        <${Fact} name="Tokens" value=${count(job.tokens)} />
        ${!over && html`<${Fact} name="Rate" value=${rate(job.rate)} note=${job.phase && `in ${job.phase.slice(0, 40)}`} />`}
        ${!over && html`<${Fact} name="Time left" value=${duration(job.seconds_left)} note=${job.seconds_left !== null && "estimated"} />`}
        <${Fact}
          name=${over ? "Took" : "Running for"}
          value=${duration(taken)}
          note=${job.started_at && html`since <${Moment} at=${job.started_at} now=${now} />`}
        />
        ${over && html`<${Fact} name="Ended" value=${moment(job.ended_at, now)} />`}
        ${job.in_doubt !== null && job.in_doubt > 0 && html`<${Fact} name="In doubt" value=${count(job.in_doubt)} kind="bad" note="calls under way when the engine died" />`}
      </dl>
    </section>
  `;
}

/**
 * How far each phase is, while that says more than the whole: an engine may finish one with all items before it begins
 * the next, and until the last nothing is done.
 *
 * @param {{page: Page}} props
 */
const PhasesUnderWay = ({ page: { job, phases } }) => html`
  <ol class="under-way" aria-label="Phases">
    ${phases.map(
      ({ name, done }) => html`
        <li key=${name}>
          <${Processed} done=${done} total=${job.total} name=${name} />
          <span class="text">${name.slice(0, 60)}</span> <span>${count(done)}</span>
        </li>
      `,
    )}
  </ol>
`;

/** @param {Job} job */
const perItem = ({ cost, completed, failed }) =>
  cost !== null && cost > 0 && completed + failed > 0 && `${money(cost / (completed + failed))} an item`;

/** @param {{name: string, value: string|null, note?: any, kind?: string}} props */
const Fact = ({ name, value, note, kind }) => html`
  <div>
    <dt>${name}</dt>
    <dd data-kind=${kind}>
      <${Figure} value=${value} />${note && value !== null && html` <small>${note}</small>`}
    </dd>
  </div>
`;

/** @param {{at: string, now: string}} props */
const Moment = ({ at, now }) => html`<time datetime=${at} title=${moment(at)}>${moment(at, now)}</time>`;

/** @param {{page: Page}} props */
function Charts({ page }) {
  const { points } = page;
  const note =
    page.points_since === "first look"
      ? "Since somebody first looked: the engine keeps no record of its own."
      : "";
  return html`
    <div class="charts">
      <${TimeChart}
        title="Progress over time"
        note=${note}
        points=${points}
        format=${count}
        least=${page.job.total}
        series=${[
          { name: "Completed", kind: "done", of: completed },
          { name: "Failed", kind: "failed", of: failed },
        ]}
      />
      <${TimeChart}
        title="Cost over time"
        note=${note}
        points=${points}
        format=${money}
        series=${[{ name: "Cost", kind: "cost", of: cost }]}
      />
      <${StatesChart} states=${page.states} />
      <${LatencyChart} phases=${page.phases} />
    </div>
  `;
}

/** @typedef {import("./types.js").Point} Point */
const completed = (/** @type {Point} */ point) => point.completed;
const failed = (/** @type {Point} */ point) => point.failed;
const cost = (/** @type {Point} */ point) => point.cost;

/** @param {{phases: Phase[], total: number}} props */
const Phases = ({ phases, total }) => html`
  <section class="panel">
    <h3 id="phases">Phases</h3>
    <${Wide} label="Phases">
      <table aria-labelledby="phases">
        <thead>
          <tr>
            <th scope="col">Phase</th>
            <th scope="col" class="meter-cell">Progress</th>
            ${["Processed", "Cost", "Tokens", "Mean", "p50", "p95"].map((name) => html`<th scope="col" class="number">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${phases.map((phase) => html`<${PhaseRow} key=${phase.name} phase=${phase} total=${total} />`)}
        </tbody>
      </table>
    <//>
  </section>
`;

/** @param {{phase: Phase, total: number}} props */
const PhaseRow = ({ phase, total }) => html`
  <tr>
    <th scope="row" class="text">${phase.name.slice(0, 100)}</th>
    <td>
      <${Processed} done=${phase.done} total=${total} name=${phase.name} />
    </td>
    ${[
      count(phase.done),
      money(phase.cost),
      count(phase.tokens),
      millis(phase.mean_ms),
      millis(phase.p50_ms),
      millis(phase.p95_ms),
    ].map((value) => html`<td class="number"><${Figure} value=${value} short /></td>`)}
  </tr>
`;

/** @param {{page: Page}} props */
function Failures({ page }) {
  const [all, setAll] = useState(false);
  const shown = all ? page.failures : page.failures.slice(0, FAILURES);
  return html`
    <section class="panel">
      <h3 id="failures">
        First failures
        <small
          >${count(page.failures.length)} of ${count(Math.max(page.job.failed, page.failures.length))}</small
        >
      </h3>
      <${Wide} label="First failures">
        <table aria-labelledby="failures">
          <thead>
            <tr>
              <th scope="col" class="number">Item</th>
              <th scope="col">Phase</th>
              <th scope="col" class="widest">Reason</th>
            </tr>
          </thead>
          <tbody>
            ${shown.map(
              ({ index, phase, reason }) => html`
                <tr key=${`${index} ${phase}`}>
                  <th scope="row" class="number">${count(index)}</th>
                  <td class="text"><${Figure} value=${phase && phase.slice(0, 100)} short /></td>
                  <td>
                    ${reason === null ? html`<${Figure} value=${null} />` : html`<${LongText} text=${reason} />`}
                  </td>
                </tr>
              `,
            )}
          </tbody>
        </table>
      <//>
      ${
        shown.length < page.failures.length &&
        html`<button type="button" class="quiet" onClick=${() => setAll(true)}>
          Show all ${count(page.failures.length)}
        </button>`
      }
    </section>
  `;
}
