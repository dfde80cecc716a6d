import { h } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

/**
 * Templates into elements; every `${value}` becomes a text node or an attribute, never markup.
 *
 * @type {(strings: TemplateStringsArray, ...values: any[]) => any}
 */
export const html = htm.bind(h);
