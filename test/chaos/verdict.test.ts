import { describe, expect, test } from "bun:test";
import { type Evidence, isClean, judge, longestPause, type SeenEvent } from "./verdict.ts";

const event = (aggregateId: string, version: number, type: string): SeenEvent => ({
  eventId: `${aggregateId}-${version}-${type}`,
  tenantId: "t",
  aggregateId,
  version,
  type,
  partition: aggregateId === "a" ? 0 : 1,
});
const A1 = event("a", 1, "JobCreated");
const A2 = event("a", 2, "JobUpdated");
const A2S = event("a", 2, "JobStatusChanged");
const A3 = event("a", 3, "JobDeleted");
const B1 = event("b", 1, "JobCreated");
const ALL = [A1, A2, A2S, A3, B1];

const run = (changed: Partial<Evidence> = {}) =>
  judge({
    acknowledged: ALL,
    committed: ALL.map((one) => ({ ...one, discarded: false })),
    topic: ALL,
    streams: { one: ALL, two: [B1, ...ALL.slice(0, -1)] },
    ...changed,
  });
const without = (gone: SeenEvent) => ALL.filter((one) => one !== gone);

describe("the verdict", () => {
  test("is clean when all came once and in order, whatever the order between aggregates", () => {
    expect(run()).toMatchObject({ events: 5, topicRepeats: 0 });
    expect(isClean(run())).toBe(true);
  });

  test("sees an acknowledged event that is not committed", () => {
    const lost = run({ acknowledged: [...ALL, event("b", 2, "JobUpdated")] }).lost;
    expect(lost).toMatchObject([{ where: "outbox", event: { aggregateId: "b", version: 2 } }]);
  });

  test("sees an event that Kafka lost", () => {
    expect(run({ topic: without(A3) }).lost).toMatchObject([{ where: "Kafka", event: { eventId: A3.eventId } }]);
  });

  test("sees an event that one stream lost", () => {
    const verdict = run({ streams: { one: ALL, two: without(A2S) } });
    expect(verdict.lost).toMatchObject([{ where: "two", event: { eventId: A2S.eventId } }]);
    expect(isClean(verdict)).toBe(false);
  });

  test("sees a committed event that nobody acknowledged, when it is lost", () => {
    expect(run({ acknowledged: [], topic: without(B1) }).lost).toMatchObject([{ where: "Kafka" }]);
  });

  test("sees an event that a stream shows again, which is no disorder", () => {
    const verdict = run({ streams: { one: [...ALL, A1] } });
    expect(verdict.repeated).toMatchObject([{ where: "one", event: { eventId: A1.eventId } }]);
    expect(verdict.reordered).toEqual([]);
    expect(isClean(verdict)).toBe(false);
  });

  test("counts a repeat in Kafka, where it is allowed", () => {
    const verdict = run({ topic: [...ALL, A1] });
    expect(verdict.topicRepeats).toBe(1);
    expect(isClean(verdict)).toBe(true);
  });

  test("sees events of an aggregate in the wrong order, in Kafka and on a stream", () => {
    const wrong = [A1, A3, A2, A2S, B1];
    const verdict = run({ topic: wrong, streams: { one: wrong } });
    expect(verdict.reordered.map(({ where, event }) => [where, event.eventId])).toEqual([
      ["Kafka", A2.eventId],
      ["one", A2.eventId],
    ]);
    expect(isClean(verdict)).toBe(false);
  });

  test("sees a change of status in front of its update", () => {
    expect(run({ streams: { one: [A1, A2S, A2, A3, B1] } }).reordered).toMatchObject([{ event: A2 }]);
  });

  test("sees an aggregate that is in two partitions", () => {
    const topic = ALL.map((one) => (one === A3 ? { ...A3, partition: 2 } : one));
    expect(run({ topic }).reordered).toMatchObject([{ where: "Kafka", event: { eventId: A3.eventId } }]);
  });

  test("sees an event that was never committed", () => {
    const ghost = event("c", 1, "JobCreated");
    const verdict = run({ topic: [...ALL, ghost], streams: { one: [...ALL, ghost] } });
    expect(verdict.uncommitted.map(({ where }) => where)).toEqual(["Kafka", "one"]);
    expect(isClean(verdict)).toBe(false);
  });

  test("does not miss an event that was discarded, and sees one that came all the same", () => {
    const committed = ALL.map((one) => ({ ...one, discarded: one === A2 }));
    expect(isClean(run({ committed, topic: without(A2), streams: { one: without(A2) } }))).toBe(true);
    expect(run({ committed, streams: {} }).uncommitted).toMatchObject([{ where: "Kafka", event: A2 }]);
  });
});

test("the longest pause counts from the first write to the last, and only there", () => {
  expect(longestPause([5, 20, 30, 95], 10, 60)).toBe(30);
  expect(longestPause([], 10, 60)).toBe(50);
  expect(longestPause([58], 10, 60)).toBe(48);
});
