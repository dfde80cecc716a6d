// What Airflow loads: two components of its React, each a place for a page of ours in a shadow root.

import { mountPage } from "./app.js";
import { JobsPage } from "./jobs.js";
import { TaskPage } from "./task.js";

const STYLES = ["styles", "tables", "job"].map((name) => new URL(`./${name}.css`, import.meta.url).href);

/**
 * @param {import("./app.js").Page} page
 * @returns {(props: import("./app.js").HostProps) => unknown} a function component of the host's React
 */
function hosted(page) {
  return function Artificer({ dagId, runId, taskId, mapIndex }) {
    const { React } = /** @type {any} */ (globalThis);
    const place = React.useRef(null);
    React.useEffect(
      () => mountPage(place.current, STYLES, page, { dagId, runId, taskId, mapIndex }),
      [dagId, runId, taskId, mapIndex],
    );
    return React.createElement("div", { ref: place, className: "artificer" });
  };
}

performance.mark("artificer:loaded");
Object.assign(globalThis, { Artificer: hosted(JobsPage), "Artificer job": hosted(TaskPage) });
