// The page "Artificer": the jobs of a connection.

import { useEffect } from "./vendor/hooks.js";
import { ofConnection, usePolled, withQuery } from "./api.js";
import { Title, usePaintMark } from "./app.js";
import { age, count, duration, isOver, moment, money, percent, rate, titleOf, word } from "./format.js";
import { html } from "./html.js";
import { JobPage } from "./job.js";
import {
  Choice,
  Empty,
  EngineLine,
  Figure,
  Go,
  OwnerLink,
  Pager,
  Problem,
  Progress,
  Status,
  Waiting,
} from "./parts.js";
import { airflow, useRoute, whole } from "./route.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").JobList} JobList */
/** @typedef {import("./types.js").Connection} Connection */

const LIMIT = 50;
const STATES = ["", "PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"];
const FRESH_LIST = { job: null, status: null, offset: null, rows: null, rows_offset: null };

/** Which connection, then its jobs or one of them. */
export function JobsPage() {
  const route = useRoute();
  const { data, error, refresh } = usePolled("connections", () => null);
  const connections = /** @type {Connection[]} */ (data?.connections ?? []);
  const asked = route.get("connection");
  const job = route.get("job");
  const connection = asked || connections[0]?.connection_id || "";
  useEffect(() => {
    if (!asked && connection) route.settle({ connection });
  }, [asked, connection]);

  // A shared link names its connection: its jobs need not wait for the list of connections.
  if (job && asked) return html`<${OneJob} connection=${connection} job=${job} />`;
  return html`
    <header class="page">
      <${Title} as="h1">Artificer<//>
      ${connections.length > 1 && html`<${ConnectionChoice} connections=${connections} chosen=${connection} />`}
    </header>
    ${error && !asked && html`<${Problem} error=${error} retry=${refresh} />`}
    ${!connection && data && html`<${NoConnection} />`}
    ${!connection && !data && !error && html`<${Waiting} />`}
    ${connection && html`<${Jobs} key=${connection} connection=${connection} />`}
  `;
}

/** @param {{connection: string, job: string}} props */
const OneJob = ({ connection, job }) => html`
  <h1 class="hidden">Artificer</h1>
  <nav class="trail" aria-label="Way back">
    <${Go} to=${{ job: null, rows: null, rows_offset: null }}>← Jobs of ${connection}<//>
  </nav>
  <${JobPage} key=${job} door=${ofConnection(connection)} job=${job} />
`;

/** @param {{connections: Connection[], chosen: string}} props */
function ConnectionChoice({ connections, chosen }) {
  const route = useRoute();
  const choose = (/** @type {Event} */ event) =>
    route.go({ ...FRESH_LIST, connection: /** @type {HTMLSelectElement} */ (event.target).value });
  return html`
    <label class="field">
      Connection
      <select value=${chosen} onChange=${choose}>
        ${connections.map(
          ({ connection_id, description }) => html`
            <option key=${connection_id} value=${connection_id} selected=${connection_id === chosen}>
              ${connection_id}${description && ` — ${description.slice(0, 60)}`}
            </option>
          `,
        )}
      </select>
    </label>
  `;
}

const NoConnection = () => html`
  <${Empty} title="No connection yet">
    <p>Here you see the jobs of a connection of the type Artificer, and there is none that you may read.</p>
    <p><a class="button primary" href=${airflow("connections")}>Add one under Admin, Connections</a></p>
  <//>
`;

/** @param {{connection: string}} props */
function Jobs({ connection }) {
  const route = useRoute();
  const status = route.get("status");
  const offset = whole(route.get("offset"));
  const path = withQuery(`${ofConnection(connection)}/jobs`, { limit: LIMIT, offset, status });
  const { data, error, busy, refresh } = usePolled(path, listWait);
  usePaintMark("list", data !== null);
  const choose = (/** @type {string} */ value) => route.go({ status: value, offset: null });
  return html`
    <div class="bar">
      <${Choice}
        label="State of the jobs"
        value=${status}
        options=${STATES.map((state) => [state, state ? word(state) : "All"])}
        choose=${choose}
      />
      ${data && html`<${EngineLine} engine=${data.engine} />`}
    </div>
    ${error && html`<${Problem} error=${error} retry=${refresh} stale=${data !== null} />`}
    ${(data ? busy && data.jobs.length === 0 : !error) && html`<${Waiting} />`}
    ${data && data.jobs.length > 0 && html`<div aria-busy=${busy}><${Listed} list=${data} /></div>`}
    ${data && data.jobs.length === 0 && !busy && html`<${NoJobs} status=${status} />`}
  `;
}

/** @param {{list: JobList}} props */
const Listed = ({ list }) => html`
  <${JobsTable} jobs=${list.jobs} now=${list.now} connection=${list.connection_id} />
  <${Pager}
    offset=${list.offset}
    limit=${list.limit}
    shown=${list.jobs.length}
    total=${list.total}
    name="offset"
    of="jobs"
  />
`;

/** @param {JobList} list */
const listWait = ({ jobs }) => (jobs.every(({ status }) => isOver(status)) ? 10_000 : 2000);

/** @param {{status: string}} props */
const NoJobs = ({ status }) =>
  status
    ? html`
        <${Empty} title=${`No job is ${word(status).toLowerCase()}`}>
          <p><${Go} class="button" to=${{ status: null, offset: null }}>Show all jobs<//></p>
        <//>
      `
    : html`
        <${Empty} title="No job yet">
          <p>A job appears here as soon as a task of yours has made it on this engine.</p>
          <p><a class="button" href=${airflow("dags")}>Go to the DAGs</a></p>
        <//>
      `;

/**
 * Jobs, one a row; in a narrow place, one a card.
 *
 * @param {{jobs: Job[], now: string, connection?: string}} props
 */
export const JobsTable = ({ jobs, now, connection }) => html`
  <table class="jobs cards" role="table">
    <caption class="hidden">
      Jobs, the newest first
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${["State", "Job", "Progress"].map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}
        ${["Cost", "Rate", "Time left", "Age"].map(
          (name) => html`<th role="columnheader" scope="col" class="number">${name}</th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${jobs.map((job) => html`<${JobRow} key=${job.id} job=${job} now=${now} connection=${connection} />`)}
    </tbody>
  </table>
`;

/** @param {{job: Job, now: string, connection?: string}} props */
const JobRow = ({ job, now, connection }) => html`
  <tr role="row">
    <td role="cell"><${Status} ...${job} /></td>
    <th role="rowheader" scope="row">
      <${Go} class="title" to=${connection ? { connection, job: job.id } : { job: job.id }}>
        ${titleOf(job)}
      <//>
      ${job.owner && html`<${OwnerLink} owner=${job.owner} />`}
    </th>
    <td role="cell" class="progress-cell">
      <${Progress} ...${job} label=${`Progress of ${titleOf(job)}`} />
      <${Counts} job=${job} />
    </td>
    <${Amount} name="Cost" value=${money(job.cost)} />
    <${Amount} name="Rate" value=${rate(job.rate)} over=${isOver(job.status)} />
    <${Amount} name="Time left" value=${duration(job.seconds_left)} over=${isOver(job.status)} />
    <td role="cell" class="number" data-name="Age">
      <time datetime=${job.created_at} title=${moment(job.created_at)}>
        <${Figure} value=${age(job.created_at, now)} short />
      </time>
    </td>
  </tr>
`;

/** A figure of a job; what only an open one has stays empty once it is over. @param {{name: string, value: string|null, over?: boolean}} props */
const Amount = ({ name, value, over = false }) => html`
  <td role="cell" class="number" data-name=${name}>
    ${!(over && value === null) && html`<${Figure} value=${value} short />`}
  </td>
`;

/** @param {{job: Job}} props */
const Counts = ({ job }) => html`
  <span class="counts">
    <span>${count(job.completed)} of ${count(job.total)}</span>
    <span>${percent(job.completed, job.total)}</span>
    ${job.failed > 0 && html`<span class="failures">${count(job.failed)} failed</span>`}
    ${job.phase && !isOver(job.status) && html`<span class="now">${job.phase.slice(0, 60)}</span>`}
  </span>
`;
