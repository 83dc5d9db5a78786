import { formatAgo } from "./time.ts";

/**
 * Writes anew how long ago each row's event was. By hand, once a second: rendering 500 rows for it would cost all frames of that
 * moment. The text node stays the renderer's own.
 * @param now milliseconds since 1970, by the server's clock
 */
export function tickAges(root: Element, now: number): void {
  for (const age of root.querySelectorAll<HTMLElement>(".ago[data-at]")) {
    const text = formatAgo(now - Number(age.dataset.at));
    if (age.firstChild !== null && age.firstChild.nodeValue !== text) age.firstChild.nodeValue = text;
  }
}
