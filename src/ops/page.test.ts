import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Assets, loadAssets } from "./assets.ts";
import { dataBlock } from "./document.ts";
import { type OpsOutbox, renderOpsPage } from "./page.ts";

const assets: Assets = await loadAssets({ script: "" });

const NOW = Date.UTC(2026, 10, 23, 7, 0, 5);

function frame(offset: number, value: unknown, more: object = {}): string {
  const rest = { timestamp: Date.UTC(2026, 10, 23, 7), key: "k", headers: {} };
  return JSON.stringify({ topic: "aetherlink.events", partition: 0, offset, ...rest, value, ...more });
}

function created(title: string): object {
  return { eventType: "JobCreated", tenantId: "12345678-1234-1234-1234-123456789012", data: { title, status: "Open" } };
}

function render(...events: string[]): string {
  const snapshot = { topic: "aetherlink.events", events, lastEventId: "0:118" };
  return renderOpsPage({ snapshot, outbox: null, assets, origin: "http://localhost:9010", now: NOW });
}

/** Text of all elements that match, as a browser's parser finds them. */
async function textOf(page: string, selector: string): Promise<string[]> {
  const found: string[] = [];
  const rewriter = new HTMLRewriter().on(selector, {
    element: () => void found.push(""),
    text: ({ text }) => void found.push((found.pop() ?? "") + text),
  });
  await rewriter.transform(new Response(page)).text();
  return found;
}

const HOSTILE = [
  "</script><script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<!--<script>",
  '"\' onmouseover=alert(1) x="',
  "]]>&lt;&amp;",
  "line\u2028and\u2029paragraph",
];

describe("the page", () => {
  test("has the events in it, the newest on top, in UTC until the browser knows better", async () => {
    const page = render(frame(116, created("First")), frame(117, created("Second")));
    expect(await textOf(page, ".event .subject")).toEqual(["Second", "First"]);
    expect(await textOf(page, ".event .clock")).toEqual(["07:00:00.000", "07:00:00.000"]);
    expect(page).toContain('datetime="2026-11-23T07:00:00.000Z"');
    expect(page).toContain("Time (UTC)");
  });

  test("says when each was, and how long ago that was as it was rendered", async () => {
    const page = render(frame(116, created("First")));
    expect(await textOf(page, ".event .ago")).toEqual(["5s"]);
  });

  test("has the filter it was asked with, and what is at fault in it", async () => {
    const snapshot = { topic: "aetherlink.events", events: [frame(1, created("x"))], lastEventId: "0:2" };
    const address = { filter: `"\\"><script>" typ:Job*`, since: undefined };
    const page = renderOpsPage({ snapshot, outbox: null, assets, origin: "http://localhost:9010", now: NOW, address });
    expect(page).toContain('value="&quot;\\&quot;>&lt;script>&quot; typ:Job*"');
    expect((await textOf(page, "#faults li")).join()).toContain("at 15: typ: is no key");
  });

  test("without events says what to do, with the origin it was asked at", () => {
    const page = render();
    expect(page).toContain("No events yet");
    expect(page).toContain("curl -X POST http://localhost:9010/api/crm/jobs");
  });

  test("names its script, style and icon, and has no other and nothing inline", () => {
    const page = render(frame(0, created("x")));
    const scripts = page.match(/<script[^>]*>/g);
    expect(scripts).toEqual([
      `<script type="module" src="${assets.script.path}">`,
      '<script type="application/json" id="ops-state">',
    ]);
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/i);
  });

  test.each(HOSTILE)("shows the title %j as text and nothing else", (title) => {
    const [plain, hostile] = [render(frame(0, created("plain"))), render(frame(0, created(title)))];
    const tags = (page: string) => page.replace(/"[^"]*"/g, '""').match(/<[a-z!/][^>]*>/gi) ?? [];
    expect(tags(plain).length).toBeGreaterThan(20);
    expect(tags(hostile)).toEqual(tags(plain));
    expect(hostile).not.toMatch(/<img|alert\(1\)<\/script/);
  });

  test("shows what foreign producers wrote, and skips a frame that is no JSON", async () => {
    const page = render(
      frame(0, "plain text"),
      frame(1, null),
      "{broken",
      frame(2, [1]),
      frame(3, {}, { timestamp: -1 }),
    );
    expect(await textOf(page, ".event .badge")).toEqual(["Record", "Record", "Tombstone", "Record"]);
    expect(page).toContain("no time");
  });

  test("cuts the JSON of a huge value", () => {
    expect(render(frame(0, "x".repeat(200_000))).split("x".repeat(30_000)).length).toBeLessThan(10);
    expect(render(frame(0, "x".repeat(200_000)))).toContain("more characters are not shown");
  });
});

describe("the relay and its dead letters", () => {
  const report = { backlog: 3, oldestUnpublishedAgeSeconds: 90, deadLetters: 1, relay: { state: "leading" } };
  const letter = {
    eventId: "019ab1c2-7a50-7000-8000-00000000e001",
    type: "JobUpdated",
    aggregateId: "019ab1c2-7a50-7000-8000-0000000000a1",
    tenantId: "12345678-1234-1234-1234-123456789012",
    tries: 5,
    waiting: 2,
    lastError: "<b>Broker: Message size too large</b>",
  };
  const show = async (outbox: OpsOutbox | null, runsServer = true) => {
    const snapshot = { topic: "aetherlink.events", events: [], lastEventId: "0:1" };
    const page = renderOpsPage({ snapshot, outbox, assets, origin: "http://localhost:9010", now: NOW, runsServer });
    const found = await textOf(page, ".relay *, .dead-letters *");
    return found.map((text) => text.replace(/\s+/g, " ").trim()).filter(Boolean);
  };

  test("say who leads, that nothing waits, and that there is none", async () => {
    const calm = { ...report, backlog: 0, deadLetters: 0, relay: { state: "standby" } };
    expect(await show({ report: calm, letters: [] })).toEqual([
      "Leader",
      "stands by, another leads",
      "Backlog",
      "0",
      "Oldest",
      "–",
      "Dead letters",
      "0",
    ]);
  });

  test("name each dead letter with its error, as text", async () => {
    const words = await show({ report, letters: [letter] });
    expect(words.slice(0, 8)).toEqual(["Leader", "leads here", "Backlog", "3", "Oldest", "90 s", "Dead letters", "1"]);
    for (const expected of [
      "1 dead letter",
      "JobUpdated",
      "after 5 tries; 2 events wait behind it",
      "Requeue…",
      "Discard…",
    ])
      expect(words).toContain(expected);
    expect(words).toContain("&lt;b>Broker: Message size too large&lt;/b>");
  });

  test("say how many more there are than are listed", async () => {
    const letters = Array.from({ length: 25 }, (_, n) => ({ ...letter, eventId: `event-${n}` }));
    expect(await show({ report: { ...report, deadLetters: 25 }, letters })).toContain("5 more are not shown.");
  });

  test("say that there is no answer, instead of a number, when the database is away", async () => {
    expect(await show(null)).toEqual(["no answer"]);
  });

  test("are nothing for who does not run the server", async () => {
    expect(await show({ report, letters: [letter] }, false)).toEqual([]);
  });
});

describe("the data block", () => {
  test("gives the script the very events that were rendered, and where the stream goes on", async () => {
    const [block] = await textOf(render(frame(7, created("x"))), "#ops-state");
    expect(JSON.parse(block ?? "")).toEqual({
      topic: "aetherlink.events",
      lastEventId: "0:118",
      origin: "http://localhost:9010",
      events: [JSON.parse(frame(7, created("x")))],
      outbox: null,
      user: null,
      runsServer: true,
      theme: "system",
      filter: "",
      since: null,
      now: NOW,
    });
  });

  test("is JSON without anything that could end or open an element, for all texts", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...HOSTILE)), (text) => {
        const block = dataBlock({ text });
        expect(block).not.toMatch(/[<\u2028\u2029]/);
        expect(JSON.parse(block)).toEqual({ text });
      }),
    );
  });
});
