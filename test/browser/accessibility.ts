import { expect } from "bun:test";
import axe from "axe-core";
import type { Page } from "playwright-core";

/** WCAG 2.2, levels A and AA, and what axe holds for good practice. https://www.deque.com/axe/core-documentation/api-documentation/#axecore-tags */
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Fails on whatever axe-core finds on the page as it stands, or in the dialog over it, and on a page that scrolls sideways. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  // Evaluated as a debugger does, which the page's policy does not forbid.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  const violations = await page.evaluate(async (tags) => {
    const checker: typeof axe = Reflect.get(window, "axe");
    // What is behind a dialog cannot be reached.
    const context = document.querySelector("dialog[open]") ?? document;
    const { violations } = await checker.run(context, { runOnly: tags, resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    );
  }, TAGS);
  expect([where, ...violations]).toEqual([where]);
  const [scrolled, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect([where, scrolled]).toEqual([where, seen]);
}
