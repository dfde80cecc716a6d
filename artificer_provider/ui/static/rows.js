// The rows of a job: what went in, what came out, what went wrong; a page at a time.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { ofJob, usePolled, withQuery } from "./api.js";
import { clip, count, isOver, millis, money } from "./format.js";
import { html } from "./html.js";
import { Choice, Figure, LongText, Pager, Problem, Status, Waiting, Wide } from "./parts.js";
import { useRoute, whole } from "./route.js";

/** @typedef {import("./types.js").Row} Row */

const LIMIT = 25;
const EVERY = 5000;
const COLUMNS = 7;

/** @param {{door: string, job: import("./types.js").Job}} props */
export function RowsSection({ door, job }) {
  const route = useRoute();
  const status = route.get("rows");
  const offset = whole(route.get("rows_offset"));
  const over = isOver(job.status);
  const path = withQuery(`${ofJob(door, job.id)}/rows`, { offset, limit: LIMIT, status });
  const { data, error, busy, refresh } = usePolled(path, () => (over ? null : EVERY));
  const title = useShown(route.get("show") === "rows");
  const choose = (/** @type {string} */ value) => route.go({ rows: value, rows_offset: null });
  return html`
    <section class="panel" aria-busy=${busy}>
      <div class="bar">
        <h3 id="rows" ref=${title} tabindex="-1">Rows</h3>
        <${Choice}
          label="Which rows"
          value=${status}
          options=${[
            ["", "All"],
            ["FAILED", "Failed"],
            ["COMPLETED", "Completed"],
          ]}
          choose=${choose}
        />
      </div>
      ${error && html`<${Problem} error=${error} retry=${refresh} stale=${data !== null} />`}
      ${(data ? busy && data.rows.length === 0 : !error) && html`<${Waiting} />`}
      ${data && data.rows.length > 0 && html`<${RowsTable} rows=${data.rows} />`}
      ${data && data.rows.length === 0 && !busy && html`<p class="none">${none(status, over)}</p>`}
      ${
        data &&
        html`<${Pager}
          offset=${data.offset}
          limit=${data.limit}
          shown=${data.rows.length}
          total=${data.total}
          name="rows_offset"
          of="rows"
        />`
      }
    </section>
  `;
}

/** Come into view when the page is opened, if the link asked for that. @param {boolean} asked */
function useShown(asked) {
  const title = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (!asked) return;
    title.current?.scrollIntoView({ block: "start" });
    title.current?.focus({ preventScroll: true });
  }, []);
  return title;
}

/** @param {string} status @param {boolean} over */
function none(status, over) {
  if (status === "FAILED") return over ? "No row has failed." : "No row has failed so far.";
  return over ? "There are no rows." : "No row is done yet.";
}

/** @param {{rows: Row[]}} props */
function RowsTable({ rows }) {
  const [open, setOpen] = useState(/** @type {Set<number>} */ (new Set()));
  const toggle = (/** @type {number} */ index) =>
    setOpen((/** @type {Set<number>} */ before) => {
      const after = new Set(before);
      if (!after.delete(index)) after.add(index);
      return after;
    });
  return html`
    <${Wide} label="Rows">
      <table class="rows" aria-labelledby="rows">
        <thead>
          <tr>
            <th scope="col"><span class="hidden">More</span></th>
            <th scope="col" class="number">Item</th>
            <th scope="col">State</th>
            <th scope="col" class="half">Input</th>
            <th scope="col" class="half">Output</th>
            <th scope="col" class="number">Cost</th>
            <th scope="col" class="number">Time</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => html`<${OneRow} key=${row.index} row=${row} open=${open.has(row.index)} toggle=${toggle} />`)}
        </tbody>
      </table>
    <//>
  `;
}

/** @param {{row: Row, open: boolean, toggle: (index: number) => void}} props */
const OneRow = ({ row, open, toggle }) => html`
  <tr data-open=${open}>
    <td>
      <button
        type="button"
        class="more"
        aria-expanded=${open}
        aria-label=${`Item ${row.index} in full`}
        onClick=${() => toggle(row.index)}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true"><path d="m6 3 5 5-5 5-1.4-1.4L8.2 8 4.6 4.4z" /></svg>
      </button>
    </td>
    <th scope="row" class="number">${count(row.index)}</th>
    <td><${Status} status=${row.status} /></td>
    <td class="line"><${Figure} value=${row.input === null ? null : clip(row.input, 160)} short /></td>
    <td class="line">${brief(row)}</td>
    <td class="number"><${Figure} value=${money(row.cost)} short /></td>
    <td class="number"><${Figure} value=${millis(row.duration_ms)} short /></td>
  </tr>
  ${
    open &&
    html`<tr class="detail">
      <td colspan=${COLUMNS}><${Detail} row=${row} /></td>
    </tr>`
  }
`;

/** @param {Row} row */
const brief = ({ output, errors }) => clip(output ?? errors[0]?.reason ?? "", 160);

/** @param {{row: Row}} props */
const Detail = ({ row }) => html`
  <dl class="texts">
    ${row.input !== null && html`<${Part} name="Input" text=${row.input} />`}
    ${row.errors.map(({ phase, reason }) => html`<${Part} name=${phase ? `Failed in ${phase}` : "Failed"} text=${reason} bad />`)}
    ${Object.entries(row.outputs).map(([phase, text]) => html`<${Part} key=${phase} name=${`Output of ${phase}`} text=${text} />`)}
    ${row.output !== null && !repeated(row) && html`<${Part} name="Output" text=${row.output} />`}
  </dl>
`;

/** Whether the output is only that of the last phase over again. @param {Row} row */
const repeated = ({ output, outputs }) => Object.values(outputs).at(-1) === output;

/** @param {{name: string, text: string, bad?: boolean}} props */
const Part = ({ name, text, bad = false }) => html`
  <div>
    <dt data-kind=${bad ? "bad" : undefined}>${name.slice(0, 120)}</dt>
    <dd><${LongText} text=${text} limit=${2500} /></dd>
  </div>
`;
