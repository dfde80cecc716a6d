// The frame of a page: its shadow root, its styles, light or dark as Airflow is, and one voice for a screen reader.

import { createContext, render } from "./vendor/preact.js";
import { useCallback, useContext, useEffect, useErrorBoundary, useRef, useState } from "./vendor/hooks.js";
import { html } from "./html.js";
import { RouteProvider, useLocation } from "./route.js";

/** @typedef {{dagId?: string, runId?: string, taskId?: string, mapIndex?: string}} HostProps */
/** @typedef {(props: HostProps) => any} Page */

const Announce = createContext((/** @type {string} */ _sentence) => {});

/** Whether a title has been shown yet. */
const Opened = createContext({ current: false });

/** Say something to a screen reader, without moving the focus. @returns {(sentence: string) => void} */
export const useAnnounce = () => useContext(Announce);

/**
 * Show a page inside `place` until the function this returns is called.
 *
 * @param {HTMLElement} place
 * @param {string[]} styles addresses of stylesheets: nothing is shown before they are there
 * @param {Page} page
 * @param {HostProps} props
 * @returns {() => void}
 */
export function mountPage(place, styles, page, props) {
  const shadow = place.shadowRoot ?? place.attachShadow({ mode: "open" });
  const root = document.createElement("div");
  root.className = "root";
  root.style.visibility = "hidden";
  const links = styles.map(linkTo);
  void Promise.all(links.map(settled)).then(() => (root.style.visibility = ""));
  shadow.replaceChildren(...links, root);
  const theme = followTheme(root);
  performance.mark("artificer:mounted");
  render(html`<${Frame} page=${page} props=${props} />`, root);
  return () => {
    theme.disconnect();
    render(null, root);
    shadow.replaceChildren();
  };
}

/** @param {string} href @returns {HTMLLinkElement} */
const linkTo = (href) => Object.assign(document.createElement("link"), { rel: "stylesheet", href });

/** @param {HTMLLinkElement} link */
const settled = (link) =>
  new Promise((resolve) => ["load", "error"].forEach((event) => link.addEventListener(event, resolve)));

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
  const opened = useRef(false);
  const [broken] = useErrorBoundary(reportError);
  return html`
    <${RouteProvider} value=${route}>
      <${Announce.Provider} value=${announce}>
        <${Opened.Provider} value=${opened}
          >${broken ? html`<${Broken} />` : html`<${page} ...${props} />`}<//
        >
        <p class="hidden" role="status" aria-live="polite">${said}</p>
      <//>
    <//>
  `;
}

/** Instead of a page that could not be drawn. */
const Broken = () => html`
  <div class="notice" data-kind="error" role="alert">
    <p>
      This page came upon something that it cannot show; no job is touched by that. Reload it. If it happens
      again, the browser's console says what it was.
    </p>
  </div>
`;

/**
 * The title of a view. It takes the focus when the view takes the place of another, and not when the page is opened.
 *
 * @param {{as: string, children?: any}} props
 */
export function Title({ as, children }) {
  const opened = useContext(Opened);
  const title = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (opened.current) title.current?.focus();
    opened.current = true;
  }, []);
  return html`<${as} ref=${title} data-title tabindex="-1">${children}<//>`;
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
