// What a page shows stands in the query string, so that a reload or a shared link shows the same.

import { createContext } from "./vendor/preact.js";
import { useContext, useEffect, useMemo, useState } from "./vendor/hooks.js";

/**
 * @typedef {object} Route
 * @property {(name: string) => string} get "" where it is not there
 * @property {(changes: Changes) => string} href of this page with these changes; null removes
 * @property {(changes: Changes) => void} go there, as a step that "back" undoes
 * @property {(changes: Changes) => void} settle the same without a step of its own
 */

/** @typedef {Object<string, string|number|null>} Changes */

const Context = createContext(/** @type {Route|null} */ (null));

export const RouteProvider = Context.Provider;

/** @returns {Route} */
export function useRoute() {
  return /** @type {Route} */ (useContext(Context));
}

/** The route of this page, followed through "back" and "forward". @returns {Route} */
export function useLocation() {
  const [search, setSearch] = useState(location.search);
  useEffect(() => {
    const { pathname } = location;
    const follow = () => {
      if (location.pathname === pathname) setSearch(location.search);
    };
    addEventListener("popstate", follow);
    // A click on "Artificer" in Airflow's menu pushes a step without a word to us; newer browsers tell.
    const { navigation } = /** @type {any} */ (globalThis);
    navigation?.addEventListener("currententrychange", follow);
    return () => {
      removeEventListener("popstate", follow);
      navigation?.removeEventListener("currententrychange", follow);
    };
  }, []);
  return useMemo(() => routeOf(search, setSearch), [search]);
}

/** @param {string} search @param {(search: string) => void} tell @returns {Route} */
function routeOf(search, tell) {
  const query = new URLSearchParams(search);
  // The page has a <base>: a bare "?x=y" would lead to Airflow's home.
  const href = (/** @type {Changes} */ changes) => location.pathname + changed(search, changes);
  return {
    get: (name) => query.get(name) ?? "",
    href,
    go: (changes) => {
      // Airflow's router keeps its place in the history's state: ours is one step further.
      const state = history.state ?? {};
      history.pushState(
        { ...state, idx: (state.idx ?? 0) + 1, key: `artificer-${Date.now()}` },
        "",
        href(changes),
      );
      tell(location.search);
    },
    settle: (changes) => {
      history.replaceState(history.state, "", href(changes));
      tell(location.search);
    },
  };
}

/** @param {string} search @param {Changes} changes @returns {string} */
function changed(search, changes) {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "" || value === 0) query.delete(name);
    else query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}

/** @param {string} path of Airflow's own pages, without a slash before it @returns {string} */
export const airflow = (path) => new URL(path, document.baseURI).href;

/** The page of a task instance. @param {import("./types.js").Owner} owner @returns {string} */
export function taskPage({ dag_id, run_id, task_id, map_index }) {
  const [dag, run, task] = [dag_id, run_id, task_id].map(encodeURIComponent);
  return airflow(`dags/${dag}/runs/${run}/tasks/${task}` + (map_index >= 0 ? `/mapped/${map_index}` : ""));
}

/** @param {string} text @returns {number} 0 for what is no whole number */
export const whole = (text) => (/^\d{1,9}$/.test(text) ? parseInt(text, 10) : 0);
