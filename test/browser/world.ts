import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { findChromium, launchChromium } from "./chromium.ts";
import { type OpsServer, startOpsServer, type TestEvent } from "./fixture.ts";

/** Milliseconds; a slow machine takes a second to open the page, and nothing here waits for time to pass. */
const TIMEOUT_MS = 120_000;
/** Milliseconds for one condition: below that of the test, for Bun kills the browser, and so all later tests, when one runs out. */
const CONDITION_MS = 15_000;
const found = findChromium();
const inCi = process.env.CI === "true";

/** What pages complained about: anything here fails the test. */
let complaints: string[] = [];
let browser: Browser | undefined;
/** The page of all tests of a file that need no special one. */
let shared: Page | undefined;
const closers: (() => Promise<unknown>)[] = [];

/** Tests in a browser: one for all of them, a complaint of its pages is a failure, and what a test opened is closed after it. */
export function inBrowser(name: string, tests: (it: (name: string, run: () => Promise<void>) => void) => void): void {
  // biome-ignore lint/suspicious/noConsole: whoever runs the tests must see why these did not run
  if ("missing" in found && !inCi) console.warn(`skipped: ${name}: ${found.missing}`);
  describe.skipIf("missing" in found && !inCi)(name, () => {
    beforeAll(async () => {
      if ("missing" in found) throw new Error(found.missing);
      browser = await launchChromium(found.path);
      shared = undefined;
    }, TIMEOUT_MS);

    afterAll(async () => {
      await browser?.close();
    }, TIMEOUT_MS);

    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
      expect(takeComplaints()).toEqual([]);
    }, TIMEOUT_MS);

    tests((sentence, run) => test(sentence, run, TIMEOUT_MS));
  });
}

/** What pages complained about so far; from then on it is forgotten. */
export function takeComplaints(): string[] {
  const said = complaints;
  complaints = [];
  return said;
}

/** What pages complained about so far. */
export function complaintsSoFar(): readonly string[] {
  return complaints;
}

/** A complaint that a test asked for is none. */
export function forgive(isExpected: (complaint: string) => boolean): void {
  complaints = complaints.filter((complaint) => !isExpected(complaint));
}

/** Done after the test, last first. */
export function afterwards(close: () => Promise<unknown>): void {
  closers.push(close);
}

/** A server of its own for the test; stopped after it. */
export async function start(events: readonly TestEvent[]): Promise<OpsServer> {
  const server = await startOpsServer(events);
  closers.push(() => server.stop());
  return server;
}

/** Opens the page, with a query such as `?filter=…`, and collects its complaints; in a context of its own when it has options, which takes longer. */
export async function open(server: OpsServer, options?: BrowserContextOptions, query = ""): Promise<Page> {
  return await openAt(`${server.url}/ops/crm-events${query}`, options);
}

/** Opens any page of ours, as `open` does. */
export async function openAt(url: string, options?: BrowserContextOptions): Promise<Page> {
  if (browser === undefined) throw new Error("the browser did not start");
  shared ??= await newPage(browser, {});
  const page = options === undefined ? shared : await newPage(browser, options);
  // Leaving first, so that the end of the server is no complaint.
  closers.push(() => (options === undefined ? page.goto("about:blank") : page.context().close()));
  await page.goto(url);
  return page;
}

async function newPage(from: Browser, options: BrowserContextOptions): Promise<Page> {
  const page = await (await from.newContext(options)).newPage();
  page.setDefaultTimeout(CONDITION_MS);
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  await page.exposeFunction("complain", (text: string) => void complaints.push(text));
  await page.addInitScript(watch);
  return page;
}

/** Runs in the page before anything else: reports violations, and notes what hydration adds to or takes from the document. */
function watch(): void {
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    Reflect.get(window, "complain")(`${violatedDirective} ${blockedURI}`),
  );
  const touched: string[] = [];
  Reflect.set(window, "touched", touched);
  const observer = new MutationObserver((records) => {
    for (const { addedNodes, removedNodes } of records)
      touched.push(
        ...[...addedNodes].map((node) => `+${node.nodeName}`),
        ...[...removedNodes].map((node) => `-${node.nodeName}`),
      );
  });
  // The document is parsed and no deferred script has run yet.
  document.addEventListener("readystatechange", () => {
    const root = document.querySelector("#ops, #autoheal");
    if (document.readyState === "interactive" && root !== null)
      observer.observe(root, { childList: true, subtree: true });
  });
}

export async function live(page: Page): Promise<void> {
  await page.locator('[role="status"][data-connection="live"]', { hasText: "Live" }).waitFor();
}

/** Waits until the page has so many rows. */
export async function rows(page: Page, count: number): Promise<void> {
  await page.waitForFunction((n) => document.querySelectorAll(".event").length === n, count);
}

export function texts(page: Page, selector: string): Promise<string[]>;
export function texts(locator: Locator): Promise<string[]>;
export function texts(from: Page | Locator, selector?: string): Promise<string[]> {
  return (selector === undefined ? from.locator(":scope") : from.locator(selector)).allTextContents();
}

/** Waits for something that the server sees. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + CONDITION_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`timed out: ${condition}`);
    await Bun.sleep(5);
  }
}
