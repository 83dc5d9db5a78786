import { expect, test } from "bun:test";
import pino from "pino";
import { NotPublishedError } from "../log/log.ts";
import { ProblemLog } from "./problems.ts";
import type { OutboxRow } from "./record.ts";
import type { Settlement } from "./settle.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const row = (n: number, retryCount = 0, traceparent: string | null = `00-${TRACE}-b7ad6b7169203331-01`): OutboxRow => ({
  id: String(n),
  event_id: `event-${n}`,
  tenant_id: "tenant-1",
  type: "JobCreated",
  aggregate_type: "Job",
  aggregate_id: "job-1",
  payload: '{"secret":1}',
  traceparent,
  occurred_at: new Date(0),
  retry_count: retryCount,
});
const settlement = (parts: Partial<Settlement>): Settlement => ({
  published: [],
  refused: [],
  held: [],
  left: [],
  interruption: undefined,
  ...parts,
});

function logged(...settlements: Partial<Settlement>[]): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const problems = new ProblemLog(
    pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line)) }),
  );
  for (const one of settlements) problems.settled(settlement(one));
  return lines;
}

test("a refused event is told with its id, its trace, its tries and the reason; the last try makes it an error", () => {
  expect(logged({ refused: [{ row: row(1), error: "too large" }] })).toEqual([
    {
      level: 40,
      eventId: "event-1",
      type: "JobCreated",
      tenantId: "tenant-1",
      traceId: TRACE,
      tries: 1,
      error: "too large",
      msg: "the event log refused an event",
    },
  ]);
  const [dead] = logged({ refused: [{ row: row(2, 4, null), error: "too large" }] });
  expect(dead).toMatchObject({ level: 50, eventId: "event-2", tries: 5 });
  expect(dead).not.toHaveProperty("traceId");
});

test("of many that are refused at once ten are told, and how many more there are", () => {
  const lines = logged({ refused: Array.from({ length: 1_000 }, (_, n) => ({ row: row(n), error: "no" })) });
  expect(lines).toHaveLength(11);
  expect(lines.at(-1)).toMatchObject({ more: 990 });
});

test("that events wait is told once while the log is away, and again after it was there", () => {
  const away = { left: [row(1), row(2)], interruption: new NotPublishedError("no broker") };
  const position = { partition: 0, offset: 0, timestamp: 0 };
  const lines = logged(away, away, { published: [{ row: row(1), position }] }, {}, away);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({ events: 2, first: { eventId: "event-1", traceId: TRACE }, reason: "no broker" });
});

test("nothing is said when all is well, and never what an event holds", () => {
  const position = { partition: 0, offset: 0, timestamp: 0 };
  expect(logged({ published: [{ row: row(1), position }] }, { held: [row(2)] })).toEqual([]);
  expect(JSON.stringify(logged({ refused: [{ row: row(1), error: "no" }], left: [row(2)] }))).not.toContain("secret");
});
