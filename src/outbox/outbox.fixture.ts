/** What the tests of the outbox share: events in a real database, and a log that can be told to fail. */
import type { Sql, Transaction } from "../db/pool.ts";
import { NotPublishedError, type OutgoingRecord, type PublishOutcome, RecordRefusedError } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";

export const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";

/** The in-process log, which can be told to be away or to refuse some, and remembers what it took. */
export class WatchedLog extends MemoryLog {
  readonly published: OutgoingRecord[] = [];
  /** Calls that fail as if the log were away. */
  failures = 0;
  /** Numbers of events that are refused, and how often that was. */
  readonly poison = new Set<number>();
  refusals = 0;
  /** Resolves before each call goes on, when set. */
  gate: Promise<void> | undefined;
  /** Resolves when the first call came. */
  readonly asked = Promise.withResolvers<void>();

  constructor() {
    super({ topic: "test", partitions: 3, capacity: 100_000, now: () => Date.now() });
  }

  override async publish(records: readonly OutgoingRecord[]): Promise<PublishOutcome[]> {
    this.asked.resolve();
    await this.gate;
    if (this.failures > 0) {
      this.failures--;
      return records.map(() => new NotPublishedError("the log is away"));
    }
    const behind = new Set<string>();
    const outcomes: PublishOutcome[] = [];
    for (const record of records) {
      if (behind.has(record.key)) {
        outcomes.push(new NotPublishedError("an earlier record of its key was refused"));
      } else if (this.poison.has(numberOf(record))) {
        behind.add(record.key);
        this.refusals++;
        outcomes.push(new RecordRefusedError("this log does not like it"));
      } else {
        this.published.push(record);
        outcomes.push(...(await super.publish([record])));
      }
    }
    return outcomes;
  }

  /** Numbers of the events published, in order. */
  get numbers(): number[] {
    return this.published.map(numberOf);
  }
}

function numberOf(record: OutgoingRecord): number {
  return JSON.parse(record.value ?? "").data.n;
}

/** Appends events with the given numbers to one aggregate as the write path does; returns their event ids. */
export async function append(
  sql: Sql | Transaction,
  numbers: number[],
  aggregateId: string = crypto.randomUUID(),
): Promise<string[]> {
  const ids: string[] = [];
  for (const n of numbers) {
    const eventId = Bun.randomUUIDv7();
    await sql`
      select append_change(
        row(${TENANT}::uuid, null, null, null, null, null, null, null, null, ${new Date()}::timestamptz, null)::write_request,
        ${eventId}::uuid, 'JobCreated', 'Job', ${aggregateId}::uuid, ${n + 1}::integer, ${JSON.stringify({ n })}::text::json)`;
    ids.push(eventId);
  }
  return ids;
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
