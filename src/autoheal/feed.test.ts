import { afterEach, describe, expect, test } from "bun:test";
import { SseReader } from "../../test/support/sse.ts";
import type { AuditEntry } from "./audit.ts";
import { Feed, type Past } from "./feed.ts";

const feeds: Feed[] = [];
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.stop();
});
const newFeed = () => {
  const feed = new Feed();
  feeds.push(feed);
  return feed;
};
const entry = (id: number, reason = ""): AuditEntry => ({
  id: String(id),
  at: "2026-11-23T07:00:00.000Z",
  decisionId: "d",
  phase: "decided",
  replica: "one",
  actor: "probe",
  cause: "probe relay",
  action: null,
  target: "",
  result: "cooldown",
  reason,
  input: {},
  detail: null,
  durationMs: null,
});
const NOTHING: Past = { after: undefined, page: async () => [] };
const open = async (feed: Feed, past: Past = NOTHING, until?: Date) =>
  new SseReader((await feed.open(past, until, () => {})).body);
const ids = (reader: SseReader) => reader.events.map(({ id }) => Number(id));
/** An audit of so many entries, read in pages of ten. */
const pastOf = (count: number, after: number, reason = "", onPage = (_: number) => {}): Past => ({
  after: String(after),
  page: async (from) => {
    onPage(Number(from));
    return Array.from({ length: 10 }, (_, n) => Number(from) + 1 + n)
      .filter((id) => id <= count)
      .map((id) => entry(id, reason));
  },
});

describe("a stream of the audit", () => {
  test("brings each entry as an event named decision, with its id", async () => {
    const feed = newFeed();
    const reader = await open(feed);
    await reader.until(({ comments }) => comments.length > 0);
    feed.tell([entry(7, "line\nbreak")]);
    await reader.until(({ events }) => events.length === 1);
    expect(reader.events[0]).toMatchObject({ type: "decision", id: "7" });
    expect(JSON.parse(reader.events[0]?.data ?? "")).toEqual(entry(7, "line\nbreak"));
    expect(reader.retryMs).toBe(2_000);
  });

  test("that comes back gets all that it missed, however much, then what came meanwhile, and nothing twice", async () => {
    const feed = newFeed();
    const reader = await open(
      feed,
      pastOf(1_234, 20, "x".repeat(5_000), (from) => {
        // Told while it is read: once it is in the audit as well, and once it is too new for that.
        if (from === 500) feed.tell([entry(700), entry(1_235)]);
      }),
    );
    await reader.until(({ lastEventId }) => lastEventId === "1235");
    feed.tell([entry(1_234), entry(1_236)]);
    await reader.until(({ lastEventId }) => lastEventId === "1236");
    expect(ids(reader)).toEqual(Array.from({ length: 1_216 }, (_, n) => n + 21));
  });

  test("whose past cannot be read is not opened, and one that breaks half-way is ended so that it comes back", async () => {
    const feed = newFeed();
    const broken = { after: "0", page: () => Promise.reject(new Error("away")) };
    await expect(feed.open(broken, undefined, () => {})).rejects.toThrow("away");
    const whole = pastOf(100, 0);
    const reader = await open(feed, { after: "0", page: (from) => (from === "20" ? broken : whole).page(from) });
    await reader.end();
    expect(ids(reader)).toHaveLength(20);
  });

  test("ends with the caller's permission", async () => {
    const reader = await open(newFeed(), NOTHING, new Date(Date.now() + 50));
    await reader.end();
  });

  test("ends when the server does, and none is opened after that", async () => {
    const feed = newFeed();
    const reader = await open(feed);
    feed.stop();
    await reader.end();
    expect(feed.isFull).toBe(true);
    feed.start();
    expect(feed.isFull).toBe(false);
  });
});
