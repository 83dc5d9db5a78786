import { expect, test } from "bun:test";
import fc from "fast-check";
import { SseReader } from "../../test/support/sse.ts";
import type { LogRecord } from "../log/log.ts";
import { encodePosition, encodePreamble, Frame } from "./frame.ts";

const record = (value: string | null, headers: Record<string, string> = {}): LogRecord => ({
  topic: "aetherlink.events",
  partition: 0,
  offset: 117,
  timestamp: 1795418580563,
  key: "k",
  value,
  headers,
});

const readAll = async (...chunks: Uint8Array[]) => {
  const reader = new SseReader(new Blob(chunks as Uint8Array<ArrayBuffer>[]).stream());
  await reader.end();
  return reader;
};

test("a frame has the wire format of the design, the event's own JSON unchanged", () => {
  const value = '{"eventId":"1","eventType":"JobCreated","data":{"title":"Test Job"}}';
  const { bytes } = new Frame(record(value, { ce_id: "1" }), "0:118,1:97,2:204");
  expect(new TextDecoder().decode(bytes)).toBe(
    'id: 0:118,1:97,2:204\ndata: {"kind":"domain_event","topic":"aetherlink.events","partition":0,"offset":117,' +
      `"timestamp":1795418580563,"key":"k","value":${value},"headers":{"ce_id":"1"}}\n\n`,
  );
});

test("a frame says when this process read its record, where that says something", () => {
  const { json } = new Frame(record("{}"), "0:118", 1795418580570);
  expect(json).toContain('"timestamp":1795418580563,"receivedAt":1795418580570,"key":"k"');
});

test("whatever a record's value is, the frame is one event whose data is JSON with that value", async () => {
  const values = fc.oneof(
    fc.json().map((text) => ({ text, meaning: JSON.parse(text) as unknown })),
    fc
      .json()
      .map((text) => ({ text: JSON.stringify(JSON.parse(text), null, "\r\n"), meaning: JSON.parse(text) as unknown })),
    fc.string({ unit: "binary" }).map((text) => ({ text: `~${text}`, meaning: `~${text}` as unknown })),
    fc.constant({ text: null, meaning: null as unknown }),
  );
  await fc.assert(
    fc.asyncProperty(values, async ({ text, meaning }) => {
      const { events } = await readAll(new Frame(record(text), "0:1").bytes);
      expect(events).toHaveLength(1);
      expect(JSON.parse(events[0]?.data ?? "").value).toEqual(meaning);
    }),
  );
});

test("the preamble sets the retry time and the position sets the id, and neither dispatches an event", async () => {
  const reader = await readAll(encodePreamble(1_000), encodePosition("0:5"));
  expect(reader.events).toEqual([]);
  expect(reader.lastEventId).toBe("0:5");
  expect(reader.retryMs).toBe(1_000);
});
