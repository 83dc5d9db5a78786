/** The ops page in Chromium: frames and memory under events, and how soon it is there. */
import type { CDPSession, Page } from "playwright-core";
import { findChromium, launchChromium } from "../../test/browser/chromium.ts";
import type { Bench } from "../harness/bench.ts";
import type { Question } from "../harness/question.ts";
import { line } from "../harness/stats.ts";

const EVENTS_PER_SECOND = 1_000;
/** Seconds under events, and of each look at it. */
const UNDER_EVENTS_S = 120;
const WINDOW_S = 10;
const LOADS = 15;
const MB = 2 ** 20;

export const page: Question = {
  name: "page",
  asks: "Does the ops page stay at 50 frames a second and in bounded memory under 1,000 events a second, and how soon is it there?",
  needs: ["chromium"],
  async measure(bench) {
    const events = await startEvents(bench);
    const found = findChromium();
    if ("missing" in found) throw new Error(found.missing);
    const browser = await launchChromium(found.path);
    bench.keep({ stop: () => browser.close() });
    await firstPaint(bench, events.url, () => browser.newPage({ viewport: { width: 1280, height: 800 } }));
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(`${events.url}/ops/crm-events`);
    await page.locator('.status[data-connection="live"]').waitFor();
    const look = await watchFrames(page);
    // What the machine gives a page that has nothing to do, in the same run.
    const idle = await windows(bench, look, WINDOW_S);
    events.perSecond(EVENTS_PER_SECOND);
    const busy = await windows(bench, look, UNDER_EVENTS_S);
    events.perSecond(0);
    report(bench, idle, busy, await page.locator(".event").count());
  },
};

interface Window {
  readonly seconds: number;
  readonly frames: number;
  /** Milliseconds of the longest frame. */
  readonly longest: number;
  /** Share of a core that the page's main thread used. */
  readonly busy: number;
  /** MB, after a collection. */
  readonly heapMb: number;
  readonly nodes: number;
  /** Events that the page was sent since it was opened. */
  readonly events: number;
}

async function startEvents(bench: Bench): Promise<{ url: string; perSecond(n: number): void }> {
  const script = new URL("../harness/events-page.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, script], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  bench.keep({
    stop: async () => {
      child.kill();
      await child.exited;
    },
  });
  const { value } = await child.stdout.getReader().read();
  const url = new TextDecoder().decode(value).trim();
  return {
    url,
    perSecond: (n) => {
      child.stdin.write(`${n}\n`);
      void child.stdin.flush();
    },
  };
}

/** Milliseconds from the navigation to the first contentful paint, with 500 events on the page; each time in a page of its own. */
async function firstPaint(bench: Bench, url: string, open: () => Promise<Page>): Promise<void> {
  const values: number[] = [];
  for (let n = 0; n <= bench.size(LOADS, 1); n++) {
    const page = await open();
    await page.goto(`${url}/ops/crm-events`);
    const paint = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          new PerformanceObserver((list) => {
            const [entry] = list.getEntriesByName("first-contentful-paint");
            if (entry !== undefined) resolve(entry.startTime);
          }).observe({ type: "paint", buffered: true });
        }),
    );
    // The first one fills the caches of the browser and the server.
    if (n > 0) values.push(paint);
    await page.close();
  }
  bench.figure({ what: "navigation → first paint, 500 events", unit: "ms", values, bar: { atMost: 300 } });
}

/** @returns what looks at the page for some seconds */
async function watchFrames(page: Page): Promise<(seconds: number) => Promise<Window>> {
  const session = await page.context().newCDPSession(page);
  // In CPU time: what the rest of the machine does is not the page's.
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.evaluate(() => {
    const frames = { count: 0, longest: 0, last: performance.now() };
    Reflect.set(window, "drawnFrames", frames);
    const step = () => {
      const now = performance.now();
      frames.count += 1;
      frames.longest = Math.max(frames.longest, now - frames.last);
      frames.last = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  return async (seconds) => {
    await page.evaluate(() => Object.assign(Reflect.get(window, "drawnFrames"), { count: 0, longest: 0 }));
    const [began, before] = [performance.now(), await metrics(session)];
    await Bun.sleep(seconds * 1_000);
    const [count = 0, longest = 0] = await page.evaluate(() => {
      const { count, longest } = Reflect.get(window, "drawnFrames");
      return [Number(count), Number(longest)];
    });
    const elapsed = (performance.now() - began) / 1_000;
    const after = await metrics(session);
    const events = await page.evaluate(() => document.querySelector<HTMLElement>(".event .offset")?.textContent ?? "0");
    await session.send("HeapProfiler.collectGarbage");
    const settled = await metrics(session);
    return {
      seconds: elapsed,
      frames: count,
      longest,
      busy: ((after.get("TaskDuration") ?? 0) - (before.get("TaskDuration") ?? 0)) / elapsed,
      heapMb: (settled.get("JSHeapUsedSize") ?? 0) / MB,
      nodes: settled.get("Nodes") ?? 0,
      events: Number(events),
    };
  };
}

async function metrics(session: CDPSession): Promise<Map<string, number>> {
  const { metrics } = await session.send("Performance.getMetrics");
  return new Map(metrics.map(({ name, value }) => [name, value]));
}

async function windows(bench: Bench, look: (seconds: number) => Promise<Window>, seconds: number): Promise<Window[]> {
  const all: Window[] = [];
  const each = bench.seconds(WINDOW_S);
  for (let left = bench.seconds(seconds); left > 0; left -= each) all.push(await look(each));
  return all;
}

function report(bench: Bench, idle: readonly Window[], busy: readonly Window[], rows: number): void {
  const perSecond = (all: readonly Window[]) => all.map(({ frames, seconds }) => frames / seconds);
  bench.figure({ what: "frames a second, nothing happens", unit: "/s", values: perSecond(idle), digits: 1 });
  bench.figure({
    what: `frames a second, ${EVENTS_PER_SECOND} events/s`,
    unit: "/s",
    values: perSecond(busy),
    digits: 1,
    bar: { atLeast: 50 },
    why: "The browser draws beside the server that writes and streams, on the same two cores.",
  });
  bench.figure({ what: "longest frame of a window", unit: "ms", values: busy.map(({ longest }) => longest) });
  bench.figure({
    what: "CPU of the page's main thread, share of a core",
    unit: "%",
    values: busy.map((window) => 100 * window.busy),
    digits: 1,
  });
  const [first, last] = [busy[0], busy.at(-1)];
  const took = busy.reduce((sum, { seconds }) => sum + seconds, 0);
  bench.figure({
    what: "JS heap after a collection",
    unit: "MB",
    values: busy.map(({ heapMb }) => heapMb),
    digits: 1,
    bar: { atMost: 150 },
  });
  const growth = line(busy.map(({ heapMb }, n) => [n * (took / busy.length / 3_600), heapMb] as const));
  const isGrowing = growth.slope > 2 * growth.error;
  bench.note(
    `The heap's straight line over ${took.toFixed(0)} s: ${growth.slope.toFixed(1)} ± ${growth.error.toFixed(1)} MB an hour, ` +
      `${isGrowing ? "which is growth" : "which is no evidence of growth"}. ${rows} rows in the document, ${first?.nodes} nodes in the ` +
      `first window and ${last?.nodes} in the last; the newest row of its partition had the offset ${last?.events}.`,
  );
}
