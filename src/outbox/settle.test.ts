import { describe, expect, test } from "bun:test";
import { NotPublishedError, type PublishOutcome, RecordRefusedError } from "../log/log.ts";
import type { OutboxRow } from "./record.ts";
import { aggregateKey, plan, settle } from "./settle.ts";

const row = (id: number, aggregate: string, tenant = "t"): OutboxRow => ({
  id: String(id),
  event_id: `event-${id}`,
  tenant_id: tenant,
  type: "JobCreated",
  aggregate_type: "Job",
  aggregate_id: aggregate,
  payload: "{}",
  traceparent: null,
  occurred_at: new Date(0),
  retry_count: 0,
});
const at = (offset: number, partition = 0): PublishOutcome => ({ partition, offset, timestamp: 0 });
const refused = new RecordRefusedError("too large");
const away = new NotPublishedError("the log is away");
const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => Number(id));

/** What became of each row, as ids. */
function settled(rows: OutboxRow[], outcomes: PublishOutcome[]) {
  const { published, refused, held, left, interruption } = settle(rows, outcomes);
  return {
    published: ids(published.map((p) => p.row)),
    refused: ids(refused.map((r) => r.row)),
    held: ids(held),
    left: ids(left),
    interruption: interruption?.message,
  };
}

describe("a batch", () => {
  test("that was published is all recorded with its positions", () => {
    const { published } = settle([row(1, "a"), row(2, "b")], [at(7), at(9, 2)]);
    expect(published.map(({ row, position }) => [row.id, position])).toEqual([
      ["1", { partition: 0, offset: 7, timestamp: 0 }],
      ["2", { partition: 2, offset: 9, timestamp: 0 }],
    ]);
  });

  test("with a refused event charges it alone, holds what is behind it, and publishes the rest", () => {
    const rows = [row(1, "a"), row(2, "a"), row(3, "b"), row(4, "a"), row(5, "b")];
    expect(settled(rows, [at(1), refused, at(2), away, at(3)])).toEqual({
      published: [1, 3, 5],
      refused: [2],
      held: [4],
      left: [],
      interruption: undefined,
    });
  });

  test("for which the log was away charges nobody and is left as it is", () => {
    expect(settled([row(1, "a"), row(2, "b")], [at(1), away])).toEqual({
      published: [1],
      refused: [],
      held: [],
      left: [2],
      interruption: "the log is away",
    });
  });

  test("can have both: a refused event and a log that went away for another aggregate", () => {
    expect(settled([row(1, "a"), row(2, "b"), row(3, "a"), row(4, "b")], [refused, at(1), away, away])).toEqual({
      published: [2],
      refused: [1],
      held: [3],
      left: [4],
      interruption: "the log is away",
    });
  });

  test("whose outcome the log does not tell is left, never taken for published", () => {
    expect(settled([row(1, "a"), row(2, "b")], [at(1)])).toMatchObject({ published: [1], left: [2] });
  });

  test("keeps aggregates of the same id in two tenants apart", () => {
    const rows = [row(1, "a", "t1"), row(2, "a", "t2"), row(3, "a", "t1")];
    expect(settled(rows, [refused, at(1), away])).toMatchObject({ published: [2], refused: [1], held: [3], left: [] });
  });
});

test("what belongs to a blocked aggregate is not published but held, in its order", () => {
  const blocked = aggregateKey({ tenant_id: "t", aggregate_id: "a" });
  const { publish, hold } = plan([row(1, "b"), row(2, "a"), row(3, "c"), row(4, "a")], (key) => key === blocked);
  expect([ids(publish), ids(hold)]).toEqual([
    [1, 3],
    [2, 4],
  ]);
});
