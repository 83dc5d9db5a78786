import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseFrame, shortId, viewFrame } from "./frame.ts";

const EVENT = {
  eventId: "019ab1c2-7a50-7000-8000-00000000e001",
  eventType: "JobCreated",
  tenantId: "12345678-1234-1234-1234-123456789012",
  aggregateType: "Job",
  aggregateId: "019ab1c2-7a50-7000-8000-0000a99re001",
  version: 1,
  occurredAt: "2026-11-23T07:00:00.000Z",
  data: { title: "Test Job", status: "Open" },
};

function frame(value: unknown, more: object = {}) {
  return {
    kind: "domain_event",
    topic: "aetherlink.events",
    partition: 0,
    offset: 117,
    timestamp: 1_795_418_580_563,
    key: "some-key",
    value,
    headers: {},
    ...more,
  };
}

describe("a frame as a row", () => {
  test("an event of ours shows its type, title, status, tenant and place in the log", () => {
    expect(viewFrame(frame(EVENT))).toMatchObject({
      key: "0:117",
      topic: "aetherlink.events",
      partition: 0,
      offset: 117,
      time: 1_795_418_580_563,
      committedAt: Date.UTC(2026, 10, 23, 7),
      receivedAt: undefined,
      shownAt: undefined,
      type: "JobCreated",
      tone: "created",
      subject: "Test Job",
      status: "Open",
      tenantId: EVENT.tenantId,
      aggregateId: EVENT.aggregateId,
      fresh: false,
    });
  });

  test.each([
    ["JobCreated", "created"],
    ["AccountUpdated", "updated"],
    ["ContactDeleted", "deleted"],
    ["JobStatusChanged", "status"],
    ["InvoicePaid", "other"],
    ["", "other"],
  ] as const)("%s has the tone %s", (eventType, tone) => {
    expect(viewFrame(frame({ ...EVENT, eventType }))?.tone).toBe(tone);
  });

  test.each([
    [{ name: "Northwind" }, "Northwind"],
    [{ firstName: "Ada", lastName: "Lovelace" }, "Ada Lovelace"],
    [{ lastName: "Hopper" }, "Hopper"],
    [{}, "Job"],
    [{ title: 7 }, "Job"],
  ])("data %j is about %s", (data, subject) => {
    expect(viewFrame(frame({ ...EVENT, data }))?.subject).toBe(subject);
  });

  test("a value that is text, null or anything else is shown as a record with its key", () => {
    const seen = ["plain text", null, 42, [1, 2], {}, undefined].map((value) => viewFrame(frame(value)));
    expect(seen.map((view) => view?.type)).toEqual(["Record", "Tombstone", "Record", "Record", "Record", "Record"]);
    expect(seen.map((view) => view?.subject)).toEqual(["plain text", "no value", "", "", "", ""]);
    expect(seen.every((view) => view?.aggregateId === "some-key")).toBe(true);
  });

  test("a time that no date can hold is no time", () => {
    for (const timestamp of [-1, 9e15, Number.NaN, "now", null, undefined])
      expect(viewFrame(frame(EVENT, { timestamp, receivedAt: timestamp }))).toMatchObject({
        time: undefined,
        receivedAt: undefined,
      });
    for (const occurredAt of ["", "soon", 7, null])
      expect(viewFrame(frame({ ...EVENT, occurredAt }))?.committedAt).toBeUndefined();
  });

  test("a very long title is cut", () => {
    expect(viewFrame(frame("x".repeat(1_000_000)))?.subject.length).toBeLessThan(300);
  });

  test("what is not a frame is none", () => {
    for (const json of ["", "{", "null", "7", "[]", "{}", '{"partition":0}', '{"partition":"0","offset":1}'])
      expect(parseFrame(json)).toBeUndefined();
  });

  test("no value a producer can write makes it throw", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, timestamp) => {
        expect(parseFrame(JSON.stringify(frame(value, { timestamp })))?.key).toBe("0:117");
      }),
    );
  });
});

describe("a short id", () => {
  test("is the tail of a UUID version 7, whose head is only the time", () => {
    expect(shortId("019ab1c2-7a50-7abc-8000-00000badcafe")).toBe("…0badcafe");
  });

  test("is the head of any other UUID", () => {
    expect(shortId("12345678-1234-1234-1234-123456789012")).toBe("12345678…");
  });

  test("is the whole of what is short", () => {
    expect(["", "job-1", "twelve-chars"].map(shortId)).toEqual(["", "job-1", "twelve-chars"]);
  });
});
