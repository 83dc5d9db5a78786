import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { findChromium, launchChromium } from "./chromium.ts";
import { type OpsServer, startOpsServer, type TestEvent } from "./fixture.ts";

/** Milliseconds; a slow machine takes a second to open the page, and nothing here waits for time to pass. */
const TIMEOUT_MS = 15_000;
/** Milliseconds for one condition: below that of the test, for Bun kills the browser, and so all later tests, when one runs out. */
const CONDITION_MS = 5_000;
const found = findChromium();
const inCi = process.env.CI === "true";
// biome-ignore lint/suspicious/noConsole: whoever runs the tests must see why these did not run
if ("missing" in found && !inCi) console.warn(`skipped: ops page in a browser: ${found.missing}`);

const HOSTILE = `</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">`;

/** What a page complained about: anything here fails the test. */
let complaints: string[] = [];
let browser: Browser | undefined;
/** The page of all tests that need no special one. */
let shared: Page | undefined;
const closers: (() => Promise<unknown>)[] = [];

describe.skipIf("missing" in found && !inCi)("the ops page in a browser", () => {
  beforeAll(async () => {
    if ("missing" in found) throw new Error(found.missing);
    browser = await launchChromium(found.path);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await browser?.close();
  }, TIMEOUT_MS);

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    const said = complaints;
    complaints = [];
    expect(said).toEqual([]);
  }, TIMEOUT_MS);

  const it = (name: string, run: () => Promise<void>) => test(name, run, TIMEOUT_MS);

  it("without scripts shows the events, newest on top, each opening to its JSON", async () => {
    const server = await start([{ title: "First" }, { type: "ContactDeleted", title: "Second" }]);
    const page = await open(server, { javaScriptEnabled: false });
    expect(await texts(page, ".event .subject")).toEqual(["Second", "First"]);
    expect(await texts(page, ".event .badge")).toEqual(["ContactDeleted", "JobCreated"]);
    expect(await page.getByText("Reload for newer ones").isVisible()).toBe(true);
    expect(await page.locator(".filter").isVisible()).toBe(false);
    await page.locator("summary").first().click();
    expect(await page.locator(".json").first().textContent()).toContain('"title": "Second"');
    expect(await page.locator(".json").first().isVisible()).toBe(true);
  });

  it("takes over what the server rendered without touching one element of it", async () => {
    const server = await start([{ title: "First", status: "Open" }, { title: "" }, { value: null }, { value: "text" }]);
    const page = await open(server);
    await live(page);
    expect(await texts(page, ".event .subject")).toEqual(["text", "no value", "Job", "First"]);
    expect(await page.evaluate(() => Reflect.get(window, "touched"))).toEqual([]);
  });

  it("shows dead letters when there are some, and no longer when they are gone, without a reload", async () => {
    const server = await start([{ title: "First" }]);
    const page = await open(server);
    await live(page);
    expect(await texts(page, ".outbox-words")).toEqual(["Outbox: nothing waits"]);
    // As when somebody comes back to the page: it asks at once.
    const lookAgain = () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    const ids = { aggregateId: crypto.randomUUID(), tenantId: crypto.randomUUID() };
    server.letters = [{ eventId: "e-1", type: "JobUpdated", ...ids, tries: 5, waiting: 2, lastError: "too large" }];
    await lookAgain();
    await page.getByText("1 dead letter", { exact: true }).click();
    expect(await page.locator(".letters .error").textContent()).toBe("too large");
    expect(await page.locator(".letters").textContent()).toContain("2 events wait behind it");
    server.letters = [];
    await lookAgain();
    await page.getByText("Outbox: nothing waits").waitFor();
    expect(await page.locator(".letters").count()).toBe(0);
  });

  it("shows a new event as a green row on top, without a reload", async () => {
    const server = await start([{ type: "AccountUpdated", title: "Before" }]);
    const page = await open(server);
    await live(page);
    await page.evaluate(() => Reflect.set(window, "sameDocument", true));
    const row = page.locator(".event").first();
    await server.publish({ type: "JobCreated", title: "Test Job", status: "Open" });
    await page.locator(".event.fresh", { hasText: "Test Job" }).waitFor();
    expect(await texts(page, ".event .subject")).toEqual(["Test Job", "Before"]);
    expect(await texts(row.locator(".badge"))).toEqual(["JobCreated"]);
    expect(await texts(row.locator(".state"))).toEqual(["Open"]);
    const [red, green, blue] = (await row.locator(".badge").evaluate((badge) =>
      getComputedStyle(badge)
        .color.match(/[\d.]+/g)
        ?.map(Number),
    )) ?? [0, 0, 0];
    expect(green).toBeGreaterThan(Math.max(red ?? 0, blue ?? 0));
    expect(await page.evaluate(() => Reflect.get(window, "sameDocument"))).toBe(true);
  });

  it("misses and repeats nothing that happens between the page and its stream", async () => {
    const server = await start([{ title: "0" }]);
    server.refuseStreams(true);
    const page = await open(server);
    await page.locator('[data-connection="reconnecting"]').waitFor();
    await server.publish({ title: "1" });
    await server.publish({ title: "2" });
    server.refuseStreams(false);
    await live(page);
    await rows(page, 3);
    expect(await texts(page, ".event .subject")).toEqual(["2", "1", "0"]);
    complaints = complaints.filter((complaint) => !complaint.includes("503"));
  });

  it("comes back after its stream was cut, without loss or repeat", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server);
    await live(page);
    const expected = ["0"];
    for (let round = 1; round <= 3; round++) {
      const opened = server.streamsOpened;
      await server.publish({ title: `${round} before` });
      await server.cutStreams();
      await server.publish({ title: `${round} while away` });
      await until(() => server.streamsOpened > opened);
      await server.publish({ title: `${round} after` });
      expected.unshift(`${round} after`, `${round} while away`, `${round} before`);
      await rows(page, expected.length);
      expect(await texts(page, ".event .subject")).toEqual(expected);
    }
    await live(page);
  });

  it("comes back after a server that starts refused its stream", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server);
    await live(page);
    server.refuseStreams(true);
    await server.cutStreams();
    await page.locator('[data-connection="reconnecting"]').waitFor();
    await server.publish({ title: "1" });
    // A second refusal shows that the page tries on its own: an EventSource gives up at the first.
    const opened = server.streamsOpened;
    await until(() => server.streamsOpened > opened);
    server.refuseStreams(false);
    await rows(page, 2);
    expect(await texts(page, ".event .subject")).toEqual(["1", "0"]);
    await live(page);
    complaints = complaints.filter((complaint) => !complaint.includes("503"));
  });

  it("opens a stream anew that was silent for longer than a heartbeat takes", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server, { serviceWorkers: "block" });
    await page.clock.install();
    const asked: (string | null)[] = [];
    const heartbeats = new Set<string | null>();
    const stood = [server.position];
    page.on("request", (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname !== "/crm-events") return;
      asked.push(searchParams.get("lastEventId"));
      heartbeats.add(searchParams.get("heartbeat"));
    });
    await page.reload();
    await live(page);
    await server.publish({ title: "1" });
    await rows(page, 2);
    const opened = server.streamsOpened;
    stood.push(server.position);
    await page.clock.fastForward(50_000);
    await until(() => server.streamsOpened > opened);
    await server.publish({ title: "2" });
    await rows(page, 3);
    await live(page);
    expect(asked).toEqual(stood);
    // As comments, which is the default, a page could not see them.
    expect([...heartbeats]).toEqual(["event"]);
  });

  it("forgets what it shows on a reset, and goes on with what follows", async () => {
    const server = await start([{ title: "old" }, { title: "older" }]);
    const page = await open(server);
    await live(page);
    await server.reset();
    await page.locator(".empty").waitFor();
    expect(await page.locator(".curl").textContent()).toContain(`curl -X POST ${server.url}/api/crm/jobs`);
    await server.publish({ title: "new" });
    await rows(page, 1);
    expect(await texts(page, ".event .subject")).toEqual(["new"]);
  });

  it("keeps the newest 500 rows and no more", async () => {
    const server = await start(Array.from({ length: 503 }, (_, i) => ({ title: `${i}` })));
    const page = await open(server);
    await live(page);
    expect(await page.locator(".event").count()).toBe(500);
    for (let i = 503; i < 620; i++) await server.publish({ title: `${i}` });
    await page.locator(".event", { hasText: "619" }).first().waitFor();
    expect(await texts(page, ".event .subject")).toEqual(Array.from({ length: 500 }, (_, i) => `${619 - i}`));
  });

  it("shows a hostile title as text, whether it was rendered or came live", async () => {
    const server = await start([{ title: HOSTILE, tenantId: HOSTILE, status: HOSTILE }]);
    const page = await open(server);
    await live(page);
    await server.publish({ title: HOSTILE, tenantId: HOSTILE, status: HOSTILE, type: HOSTILE });
    await rows(page, 2);
    expect(await texts(page, ".event .subject")).toEqual([HOSTILE, HOSTILE]);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("script").count()).toBe(2);
    expect(await page.evaluate(() => Reflect.get(window, "pwned"))).toBeUndefined();
  });

  it("lives on after a value that no event of ours has", async () => {
    const server = await start([]);
    const page = await open(server);
    await live(page);
    for (const value of [null, "text", 7, [], { eventType: {}, data: null }]) await server.publish({ value });
    await server.publish({ title: "Ours" });
    await rows(page, 6);
    expect((await texts(page, ".event .subject"))[0]).toBe("Ours");
  });

  it("opens a row by keyboard, and it stays open while new events come", async () => {
    const server = await start([{ title: "Opened" }]);
    const page = await open(server);
    await live(page);
    await page.locator("summary").focus();
    await page.keyboard.press("Enter");
    await page.locator(".json").waitFor();
    expect(JSON.parse((await page.locator(".json").textContent()) ?? "").value.data.title).toBe("Opened");
    await server.publish({ title: "Next" });
    await rows(page, 2);
    expect(await page.locator("details[open] .subject").textContent()).toBe("Opened");
    expect(await page.evaluate(() => document.activeElement?.textContent?.includes("Opened"))).toBe(true);
  });

  it("filters by words, and holds new events back while paused", async () => {
    const server = await start([{ title: "Repair boiler" }, { title: "Fit valve" }]);
    const page = await open(server);
    await live(page);
    await page.getByLabel("Filter events").fill("BOILER");
    await rows(page, 1);
    expect(await page.locator(".count").textContent()).toBe("1 of 2");
    await page.getByRole("button", { name: "Pause" }).click();
    await server.publish({ title: "Replace boiler" });
    await page.getByRole("button", { name: "Resume · 1 new" }).click();
    await rows(page, 2);
    await page.getByLabel("Filter events").fill("no such words");
    await page.getByText("No event here matches").waitFor();
    await page.getByLabel("Filter events").fill("");
    await rows(page, 3);
  });

  it("shows times of the reader's own zone", async () => {
    const server = await start([{ timestamp: Date.UTC(2026, 10, 23, 7) }]);
    const page = await open(server, { timezoneId: "Asia/Tokyo" });
    await page.locator(".clock", { hasText: "16:00:00.000" }).waitFor();
    expect(await page.locator("time.time").getAttribute("title")).toBe("2026-11-23T07:00:00.000Z");
  });

  it("has a content security policy that bites", async () => {
    const page = await open(await start([]));
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.pwned = 1";
      document.body.append(script);
      document.body.setAttribute("style", "color: red");
    });
    await until(() => complaints.filter((complaint) => /^(script|style)-src-\w+ inline$/.test(complaint)).length === 2);
    expect(await page.evaluate(() => Reflect.get(window, "pwned"))).toBeUndefined();
    complaints = [];
  });

  it("never scrolls sideways, from 320 px on, with a row open", async () => {
    const long = "Averylongword".repeat(15);
    const server = await start([{ title: long, status: "Open" }, { title: "Short", status: long }, { value: long }]);
    const page = await open(server);
    await live(page);
    await page.locator("summary").first().click();
    await page.locator(".json").first().waitFor();
    for (const width of [320, 390, 800, 1280]) {
      await page.setViewportSize({ width, height: 700 });
      await page.waitForFunction((wanted) => window.innerWidth === wanted, width);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    }
  });

  it("does not move for who asked for less motion", async () => {
    const server = await start([]);
    const page = await open(server, { reducedMotion: "reduce" });
    await live(page);
    await server.publish({ title: "Calm" });
    await page.locator(".event.fresh").waitFor();
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  });
});

/** A server of its own for the test; stopped after it. */
async function start(events: readonly TestEvent[]): Promise<OpsServer> {
  const server = await startOpsServer(events);
  closers.push(() => server.stop());
  return server;
}

/** Opens the page and collects its complaints; in a context of its own when it has options, which takes longer. */
async function open(server: OpsServer, options?: BrowserContextOptions): Promise<Page> {
  if (browser === undefined) throw new Error("the browser did not start");
  shared ??= await newPage(browser, {});
  const page = options === undefined ? shared : await newPage(browser, options);
  // Leaving first, so that the end of the server is no complaint.
  closers.push(() => (options === undefined ? page.goto("about:blank") : page.context().close()));
  await page.goto(`${server.url}/ops/crm-events`);
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
      touched.push(...[...addedNodes, ...removedNodes].map((node) => node.nodeName));
  });
  // The document is parsed and no deferred script has run yet.
  document.addEventListener("readystatechange", () => {
    const root = document.getElementById("ops");
    if (document.readyState === "interactive" && root !== null)
      observer.observe(root, { childList: true, subtree: true });
  });
}

async function live(page: Page): Promise<void> {
  await page.locator('[role="status"][data-connection="live"]', { hasText: "Live" }).waitFor();
}

/** Waits until the page has so many rows. */
async function rows(page: Page, count: number): Promise<void> {
  await page.waitForFunction((n) => document.querySelectorAll(".event").length === n, count);
}

function texts(page: Page, selector: string): Promise<string[]>;
function texts(locator: ReturnType<Page["locator"]>): Promise<string[]>;
function texts(from: Page | ReturnType<Page["locator"]>, selector?: string): Promise<string[]> {
  return (selector === undefined ? from.locator(":scope") : from.locator(selector)).allTextContents();
}

/** Waits for something that the server sees. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + CONDITION_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`timed out: ${condition}`);
    await Bun.sleep(5);
  }
}
