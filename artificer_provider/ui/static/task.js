// The tab of a task: its jobs, and what it has brought in.

import { ofTask, usePolled } from "./api.js";
import { Title, usePaintMark } from "./app.js";
import { count, money, word } from "./format.js";
import { html } from "./html.js";
import { JobPage } from "./job.js";
import { JobsTable } from "./jobs.js";
import { Copied, Empty, Figure, Go, Problem, Waiting } from "./parts.js";
import { useRoute, whole } from "./route.js";

/** @typedef {import("./types.js").TaskPage} Page */

const EVERY = 4000;
const ALWAYS = new Set(["succeeded", "failed"]);
const OVER = new Set(["success", "failed", "skipped", "removed", "upstream_failed"]);

/** @param {import("./app.js").HostProps} props what Airflow says of the task */
export function TaskPage({ dagId = "", runId = "", taskId = "", mapIndex }) {
  const route = useRoute();
  const index = mapIndex === undefined || mapIndex === "-1" ? -1 : whole(mapIndex);
  const door = ofTask({ dag_id: dagId, run_id: runId, task_id: taskId, map_index: index });
  const { data, error, refresh } = usePolled(door, wait);
  usePaintMark("task", data !== null);
  const asked = route.get("job");
  return html`
    ${error && html`<${Problem} error=${error} retry=${refresh} stale=${data !== null} />`}
    ${!data && !error && html`<${Waiting} />`}
    ${data && html`<${Shown} page=${data} door=${door} asked=${asked} />`}
  `;
}

/** @param {Page} page */
const wait = ({ state }) => (state !== null && OVER.has(state) ? null : EVERY);

/** @param {{page: Page, door: string, asked: string}} props */
function Shown({ page, door, asked }) {
  const only = page.jobs.length === 1 && page.more === 0 ? page.jobs[0].id : "";
  const job = asked || only;
  return html`
    ${page.result && html`<${ResultPanel} result=${page.result} />`}
    ${asked && !only && html`<nav class="trail" aria-label="Way back"><${Go} to=${{ job: null, rows: null, rows_offset: null }}>← All jobs of this task<//></nav>`}
    ${job && html`<${JobPage} key=${job} door=${door} job=${job} />`}
    ${!job && page.jobs.length > 0 && html`<${ManyJobs} page=${page} />`}
    ${!job && page.jobs.length === 0 && html`<${NoJob} state=${page.state} />`}
  `;
}

/** @param {{page: Page}} props */
const ManyJobs = ({ page }) => html`
  <section>
    <${Title} as="h2">${count(page.jobs.length + page.more)} jobs of this task<//>
    <${JobsTable} jobs=${page.jobs} now=${new Date().toISOString()} />
    ${page.more > 0 && html`<p class="none">And ${count(page.more)} more, which the page Artificer lists.</p>`}
  </section>
`;

/** @param {{state: string|null}} props */
const NoJob = ({ state }) => html`
  <${Empty} title="This task has no job">
    <p>
      ${
        state !== null && OVER.has(state)
          ? `It is over (${word(state).toLowerCase()}) and has made none. A task of Artificer that failed before says why in its log; any other task has no jobs.`
          : "A task of Artificer shows its job here as soon as it has made it. Other tasks have none."
      }
    </p>
  <//>
`;

/** @param {{result: import("./types.js").Result}} props */
const ResultPanel = ({ result }) => html`
  <section class="panel result" aria-labelledby="result">
    <h2 id="result">Result</h2>
    <dl>
      <${Fact} name="Outcome" value=${result.outcome && word(result.outcome)} />
      <${Fact} name="Items" value=${count(result.items)} />
      ${told(result.counts ?? {}).map(
        ([name, value]) => html`<${Fact} key=${name} name=${word(name)} value=${count(value)} />`,
      )}
      <${Fact} name="Cost" value=${money(result.cost)} />
    </dl>
    ${result.path && html`<p>Rows <${Copied} text=${result.path} label="the path of the rows" /></p>`}
    ${result.manifest && html`<p>Manifest <${Copied} text=${result.manifest} label="the path of the manifest" /></p>`}
  </section>
`;

/** Each count but those that are seldom there, and are not. @param {Object<string, number>} counts */
const told = (counts) => Object.entries(counts).filter(([name, value]) => value > 0 || ALWAYS.has(name));

/** @param {{name: string, value: string|null}} props */
const Fact = ({ name, value }) => html`
  <div>
    <dt>${name}</dt>
    <dd><${Figure} value=${value} /></dd>
  </div>
`;
