// The frame of a page: its shadow root, its styles, light or dark as Airflow is, and one voice for a screen reader.

import { createContext, render } from "./vendor/preact.js";
import { useCallback, useContext, useEffect, useState } from "./vendor/hooks.js";
import { html } from "./html.js";
import { RouteProvider, useLocation } from "./route.js";

/** @typedef {{dagId?: string, runId?: string, taskId?: string, mapIndex?: string}} HostProps */
/** @typedef {(props: HostProps) => any} Page */

const Announce = createContext((/** @type {string} */ _sentence) => {});

/** Say something to a screen reader, without moving the focus. @returns {(sentence: string) => void} */
export const useAnnounce = () => useContext(Announce);

/**
 * Show a page inside `place` until the function this returns is called.
 *
 * @param {HTMLElement} place
 * @param {string} styles
 * @param {Page} page
 * @param {HostProps} props
 * @returns {() => void}
 */
export function mountPage(place, styles, page, props) {
  const shadow = place.shadowRoot ?? place.attachShadow({ mode: "open" });
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: styles });
  const root = document.createElement("div");
  root.className = "root";
  root.style.visibility = "hidden";
  for (const event of ["load", "error"]) link.addEventListener(event, () => (root.style.visibility = ""));
  shadow.replaceChildren(link, root);
  const theme = followTheme(root);
  performance.mark("artificer:mounted");
  render(html`<${Frame} page=${page} props=${props} />`, root);
  return () => {
    theme.disconnect();
    render(null, root);
    shadow.replaceChildren();
  };
}

/** @param {HTMLElement} root @returns {MutationObserver} */
function followTheme(root) {
  const host = document.documentElement;
  const follow = () => (root.dataset.theme = host.classList.contains("dark") ? "dark" : "light");
  const observer = new MutationObserver(follow);
  observer.observe(host, { attributes: true, attributeFilter: ["class"] });
  follow();
  return observer;
}

/** @param {{page: Page, props: HostProps}} props */
function Frame({ page, props }) {
  const route = useLocation();
  const [said, setSaid] = useState("");
  const announce = useCallback(setSaid, []);
  return html`
    <${RouteProvider} value=${route}>
      <${Announce.Provider} value=${announce}>
        <${page} ...${props} />
        <p class="hidden" role="status" aria-live="polite">${said}</p>
      <//>
    <//>
  `;
}

/**
 * Leave a mark in the browser's performance timeline once what is shown has been painted.
 *
 * @param {string} name
 * @param {boolean} shown
 */
export function usePaintMark(name, shown) {
  useEffect(() => {
    if (!shown) return undefined;
    const frame = requestAnimationFrame(() => setTimeout(() => performance.mark(`artificer:${name}`)));
    return () => cancelAnimationFrame(frame);
  }, [name, shown]);
}
