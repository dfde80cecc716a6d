// Charts as SVG. Only lines and bars stretch with the place; all text is HTML, so it stays crisp and can be read out.

import { useState } from "./vendor/hooks.js";
import { axisEnd, clock, count, duration, millis, NOT_TOLD, percent, word } from "./format.js";
import { html } from "./html.js";

/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").Phase} Phase */
/** @typedef {{name: string, kind: string, of: (point: Point) => number|null}} Series */
/** @typedef {(value: number|null) => string|null} Format */

const WIDTH = 1000;
const HEIGHT = 300;
const SHOWN_FIGURES = 12;

/** A chart with its title and, below, its figures as a table. @param {{title: string, note?: string, figures?: any, children?: any}} props */
const Figures = ({ title, note, figures, children }) => html`
  <figure class="panel chart">
    <figcaption><h3>${title}</h3></figcaption>
    ${children} ${note && html`<p class="note">${note}</p>`}
    ${
      figures &&
      html`<details>
        <summary>Figures of “${title}”</summary>
        ${figures}
      </details>`
    }
  </figure>
`;

/**
 * Figures that grow with time.
 *
 * @param {{title: string, note: string, points: Point[], format: Format, series: Series[], least?: number}} props `least`:
 *   what the axis ends with while every figure is zero
 */
export function TimeChart({ title, note, points, format, series, least = 1 }) {
  const told = points.filter((point) => series.some(({ of }) => of(point) !== null));
  if (told.length < 2)
    return html`<${Figures} title=${title}><p class="none">${tooFew(points, told)}</p><//>`;
  const scale = scaleOf(told, series, least);
  return html`
    <${Figures}
      title=${title}
      note=${note}
      figures=${html`<${PointsTable} points=${told} series=${series} format=${format} />`}
    >
      <${Plot} title=${title} points=${told} series=${series} format=${format} scale=${scale} />
    <//>
  `;
}

/** @param {Point[]} points @param {Point[]} told */
function tooFew(points, told) {
  if (points.length > 1) return `The cost is ${NOT_TOLD}.`;
  return "A line needs two looks at the job, and there has not been a second.";
}

/** @typedef {{start: number, span: number, top: number, x: (at: string) => number, y: (value: number) => number}} Scale */

/** @param {Point[]} points @param {Series[]} series @param {number} least @returns {Scale} */
function scaleOf(points, series, least) {
  const start = Date.parse(points[0].at);
  const span = Math.max(1, Date.parse(points[points.length - 1].at) - start);
  const highest = Math.max(...points.flatMap((point) => series.map(({ of }) => of(point) ?? 0)));
  const top = axisEnd(highest || least);
  return {
    start,
    span,
    top,
    x: (at) => ((Date.parse(at) - start) / span) * WIDTH,
    y: (value) => HEIGHT - (value / top) * HEIGHT,
  };
}

/** @param {{title: string, points: Point[], series: Series[], format: Format, scale: Scale}} props */
function Plot({ title, points, series, format, scale }) {
  const [looked, setLooked] = useState(/** @type {Point|null} */ (null));
  const shown = looked && points.includes(looked) ? looked : points[points.length - 1];
  const follow = (/** @type {PointerEvent} */ event) => setLooked(nearest(event, points, scale));
  const figures = series.map(
    ({ name, of }) => `${name} ${format(of(points[points.length - 1])) ?? NOT_TOLD}`,
  );
  return html`
    <p class="legend" aria-hidden="true">
      ${series.map(
        ({ name, kind, of }) =>
          html`<span data-kind=${kind}>${name} <b>${format(of(shown)) ?? NOT_TOLD}</b></span>`,
      )}
      <span class="at">${clock(Date.parse(shown.at), scale.span / 1000)}</span>
    </p>
    <div class="plot">
      <${ValueAxis} top=${scale.top} format=${format} />
      <div class="area" onPointerMove=${follow} onPointerLeave=${() => setLooked(null)}>
        <svg
          viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label=${`${title}: ${figures.join(", ")} after ${duration(scale.span / 1000)}. The figures follow as a table.`}
        >
          ${[0, HEIGHT / 2, HEIGHT].map((y) => html`<line class="grid" x1="0" x2=${WIDTH} y1=${y} y2=${y} />`)}
          ${series.map((one) => html`<${Line} series=${one} points=${points} scale=${scale} />`)}
          ${looked === shown && html`<line class="cursor" x1=${scale.x(shown.at)} x2=${scale.x(shown.at)} y1="0" y2=${HEIGHT} />`}
        </svg>
      </div>
      <${TimeAxis} scale=${scale} />
    </div>
  `;
}

/** @param {{series: Series, points: Point[], scale: Scale}} props */
function Line({ series, points, scale }) {
  const told = points.filter((point) => series.of(point) !== null);
  const path = told.map((point) => `${round(scale.x(point.at))},${round(scale.y(series.of(point) ?? 0))}`);
  // A line along the axis would say no more than the legend, and hide the axis.
  if (told.every((point) => !series.of(point))) return null;
  const [first, last] = [told[0], told[told.length - 1]].map((point) => round(scale.x(point.at)));
  return html`
    <polygon
      class="under"
      data-kind=${series.kind}
      points=${`${first},${HEIGHT} ${path.join(" ")} ${last},${HEIGHT}`}
    />
    <polyline class="line" data-kind=${series.kind} points=${path.join(" ")} />
  `;
}

/** @param {{top: number, format: Format}} props */
const ValueAxis = ({ top, format }) => html`
  <div class="values" aria-hidden="true">
    ${[top, top / 2, 0].map((value) => html`<span>${format(value)}</span>`)}
  </div>
`;

/** @param {{scale: Scale}} props */
const TimeAxis = ({ scale }) => html`
  <div class="times" aria-hidden="true">
    ${[0, 0.5, 1].map((part) => html`<span>${clock(scale.start + part * scale.span, scale.span / 1000)}</span>`)}
  </div>
`;

/** @param {PointerEvent} event @param {Point[]} points @param {Scale} scale @returns {Point} */
function nearest(event, points, scale) {
  const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * WIDTH;
  const far = (/** @type {Point} */ point) => Math.abs(scale.x(point.at) - x);
  return points.reduce((best, point) => (far(point) < far(best) ? point : best));
}

/** @param {{points: Point[], series: Series[], format: Format}} props */
function PointsTable({ points, series, format }) {
  const step = Math.max(1, (points.length - 1) / (SHOWN_FIGURES - 1));
  const some = points.filter((_, index) => Math.floor(index / step) > Math.floor((index - 1) / step));
  if (some[some.length - 1] !== points[points.length - 1]) some.push(points[points.length - 1]);
  const span = (Date.parse(points[points.length - 1].at) - Date.parse(points[0].at)) / 1000;
  return html`
    <table>
      <thead>
        <tr>
          <th scope="col">Time</th>
          ${series.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${some.map(
          (point) => html`
            <tr>
              <th scope="row">${clock(Date.parse(point.at), span)}</th>
              ${series.map(({ of }) => html`<td class="number">${format(of(point)) ?? NOT_TOLD}</td>`)}
            </tr>
          `,
        )}
      </tbody>
    </table>
  `;
}

/** How many items are in which state. @param {{states: Object<string, number>}} props */
export function StatesChart({ states }) {
  const some = Object.entries(states).sort(([one], [other]) => rank(one) - rank(other));
  const total = some.reduce((sum, [, value]) => sum + value, 0);
  if (total === 0)
    return html`<${Figures} title="Items by state"><p class="none">There are no items.</p><//>`;
  return html`
    <${Figures} title="Items by state">
      <div class="stack" aria-hidden="true">
        ${some.map(
          ([state, value]) =>
            value > 0 && html`<span key=${state} data-status=${state} style=${{ flexGrow: value }}></span>`,
        )}
      </div>
      <table class="plain states">
        <caption class="hidden">
          Items by state
        </caption>
        <tbody>
          ${some.map(
            ([state, value]) => html`
              <tr key=${state}>
                <th scope="row"><span class="swatch" data-status=${state}></span>${word(state)}</th>
                <td class="number">${count(value)}</td>
                <td class="number">${percent(value, total)}</td>
              </tr>
            `,
          )}
        </tbody>
      </table>
    <//>
  `;
}

const RANKS = /** @type {Object<string, number>} */ ({
  COMPLETED: 0,
  FAILED: 1,
  SKIPPED: 2,
  CANCELLED: 3,
  PENDING: 9,
});

/** What is over comes first, what waits last. @param {string} state */
const rank = (state) => RANKS[state] ?? 5;

/** How long an item takes in each phase. @param {{phases: Phase[]}} props */
export function LatencyChart({ phases }) {
  const timed = phases.filter(
    ({ p50_ms, p95_ms, mean_ms }) => p50_ms !== null || p95_ms !== null || mean_ms !== null,
  );
  const bars = timed.map(({ name, p50_ms, p95_ms, mean_ms }) => ({
    name,
    bars: /** @type {[string, number|null][]} */ (
      p50_ms === null && p95_ms === null
        ? [["mean", mean_ms]]
        : [
            ["p50", p50_ms],
            ["p95", p95_ms],
          ]
    ),
  }));
  const longest = Math.max(0, ...bars.flatMap((phase) => phase.bars.map(([, ms]) => ms ?? 0)));
  if (longest === 0) {
    return html`<${Figures} title="Latency by phase"
      ><p class="none">How long an item takes is ${NOT_TOLD}.</p><//
    >`;
  }
  return html`
    <${Figures} title="Latency by phase">
      <table class="plain latency">
        <caption class="hidden">
          Time an item takes, by phase: the median and the 95th percentile
        </caption>
        ${bars.map((phase) => html`<${PhaseBars} key=${phase.name} ...${phase} longest=${longest} />`)}
      </table>
    <//>
  `;
}

/** @param {{name: string, bars: [string, number|null][], longest: number}} props */
const PhaseBars = ({ name, bars, longest }) => html`
  <tbody>
    <tr>
      <th scope="rowgroup" colspan="3">${name.slice(0, 100)}</th>
    </tr>
    ${bars.map(
      ([measure, ms]) => html`
        <tr key=${measure}>
          <th scope="row">${measure}</th>
          <td class="meter" aria-hidden="true">
            <span data-name=${measure} style=${{ width: `${(100 * (ms ?? 0)) / longest}%` }}></span>
          </td>
          <td class="number">${millis(ms) ?? NOT_TOLD}</td>
        </tr>
      `,
    )}
  </tbody>
`;

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;
