/**
 * What web-platform-tests (https://github.com/web-platform-tests/wpt/tree/master/eventsource, format-*) say of how a
 * stream is parsed: the parsers that our tests measure with agree with it, and what our encoder makes of the same texts is
 * one event to each of them, whatever is in a record.
 */
import { describe, expect, test } from "bun:test";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { LogRecord } from "../../src/log/log.ts";
import { encodeBeat, encodeNamed, encodePosition, encodePreamble, Frame } from "../../src/stream/frame.ts";
import { SseReader } from "../support/sse.ts";

interface Vector {
  readonly stream: string;
  /** The data of each event, with its type when it is not `message`. */
  readonly events: readonly (string | readonly [type: string, data: string])[];
  readonly retryMs?: number;
}

const LONG = "x".repeat(2_048);
const VECTORS: Record<string, Vector> = {
  bom: { stream: "\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3\n\n", events: ["1", "3"] },
  "bom-2": { stream: "\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3\n\n", events: ["2", "3"] },
  comments: {
    stream: `data:1\r:\0\n:\r\ndata:2\n:${LONG}\rdata:3\n:data:fail\r:${LONG}\ndata:4\n\n`,
    events: ["1\n2\n3\n4"],
  },
  "data-before-final-empty-line": {
    stream: "retry:1000\ndata:test1\n\nid:test\ndata:test2",
    events: ["test1"],
    retryMs: 1_000,
  },
  "field-data": { stream: "data:\n\ndata\ndata\n\ndata:test\n\n", events: ["", "\n", "test"] },
  "field-event": { stream: "event:test\ndata:x\n\ndata:x\n\n", events: [["test", "x"], "x"] },
  "field-event-empty": { stream: "event: \ndata:data\n\n", events: ["data"] },
  "field-parsing": {
    stream:
      "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
    events: ["\0\n 2\n1\n3\n\n4"],
  },
  "field-retry": { stream: "retry:03000\ndata:x\n\n", events: ["x"], retryMs: 3_000 },
  "field-retry-bogus": { stream: "retry:3000\nretry:1000x\ndata:x\n\n", events: ["x"], retryMs: 3_000 },
  "field-retry-empty": { stream: "retry\ndata:test\n\n", events: ["test"] },
  "field-unknown": {
    stream: "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
    events: ["test\n\ntest"],
  },
  "leading-space": { stream: "data:\ttest\rdata: \ndata:test\n\n", events: ["\ttest\n\ntest"] },
  newlines: { stream: "data:test\r\ndata\ndata:test\r\n\r\n", events: ["test\n\ntest"] },
  "null-character": { stream: "data:\0\n\n", events: ["\0"] },
  "utf-8": { stream: "data:ok…\n\n", events: ["ok…"] },
};

interface Parsed {
  readonly events: { readonly type: string; readonly data: string; readonly id: string }[];
  readonly retryMs: number | undefined;
}

/** In pieces of so many bytes, as a network may hand them on. */
const pieces = (bytes: Uint8Array, size: number) =>
  Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, i) => new Uint8Array(bytes.slice(i * size, (i + 1) * size)),
  );

async function byOurReader(bytes: Uint8Array, size: number): Promise<Parsed> {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const piece of pieces(bytes, size)) controller.enqueue(piece);
      controller.close();
    },
  });
  const reader = new SseReader(body);
  await reader.end();
  return { events: reader.events, retryMs: reader.retryMs };
}

/** The parser of the npm package `eventsource`. */
async function byEventsource(bytes: Uint8Array, size: number): Promise<Parsed> {
  const events: EventSourceMessage[] = [];
  let retryMs: number | undefined;
  const parser = createParser({ onEvent: (event) => events.push(event), onRetry: (ms) => (retryMs = ms) });
  // It takes a byte order mark away by itself.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for (const piece of pieces(bytes, size)) parser.feed(decoder.decode(piece, { stream: true }));
  return {
    events: events.map(({ event = "message", data, id = "" }) => ({ type: event || "message", data, id })),
    retryMs,
  };
}

const parsers = { "our reader": byOurReader, "eventsource-parser": byEventsource };
const record = (text: string): LogRecord => ({
  topic: `t${text}`,
  partition: 0,
  offset: 117,
  timestamp: 1_795_418_580_563,
  key: text,
  value: JSON.stringify(text),
  headers: { ce_type: text, [text]: text },
});
/** Every text that the vectors have: their streams, and what is in their events. */
const TEXTS = Object.values(VECTORS).flatMap(({ stream, events }) => [stream, ...events.flat()]);

for (const [name, parse] of Object.entries(parsers)) {
  describe(name, () => {
    test.each(Object.entries(VECTORS))("parses format-%s as the platform's tests say", async (_, vector) => {
      for (const size of [1, 7, 10_000]) {
        const { events, retryMs } = await parse(new TextEncoder().encode(vector.stream), size);
        const expected = vector.events.map((event) => (typeof event === "string" ? ["message", event] : [...event]));
        expect(events.map(({ type, data }) => [type, data])).toEqual(expected);
        if (vector.retryMs !== undefined) expect(retryMs).toBe(vector.retryMs);
      }
    });

    test("finds one event in every frame of ours, with the very texts that are in the record", async () => {
      for (const text of TEXTS) {
        const given = record(text);
        const frame = new Frame(given, "0:118,1:97");
        const { events } = await parse(frame.bytes, 5);
        expect(events).toHaveLength(1);
        const [event] = events;
        expect([event?.type, event?.id]).toEqual(["message", "0:118,1:97"]);
        expect(JSON.parse(event?.data ?? "")).toMatchObject({ ...given, value: text });
        expect(frame.json).toBe(event?.data ?? "");
        expect(frame.searchable).toBe(JSON.stringify(text).toLowerCase());
      }
    });

    test("finds frames behind one another as the events that they are, with what is between them", async () => {
      const encode = (text: string, i: number) => new Frame(record(text), `0:${i}`).bytes;
      const bytes = Buffer.concat([
        encodePreamble(1_234),
        encodePosition("0:0"),
        ...TEXTS.flatMap((text, i) => [encode(text, i), encodeBeat(i % 2 === 0 ? `0:${i}` : undefined)]),
        encodeNamed("heartbeat", "0:999", '{"live":true}'),
        encodeNamed("reset", undefined, "{}"),
      ]);
      const { events, retryMs } = await parse(bytes, 1_000);
      expect(retryMs).toBe(1_234);
      const types = events.map(({ type }) => type);
      expect(types).toEqual([...TEXTS.map(() => "message"), "heartbeat", "reset"]);
      expect(events.slice(0, -2).map(({ data }) => JSON.parse(data).key)).toEqual(TEXTS);
    });
  });
}
