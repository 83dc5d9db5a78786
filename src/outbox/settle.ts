import { NotPublishedError, type PublishOutcome, type RecordPosition, RecordRefusedError } from "../log/log.ts";
import type { OutboxRow } from "./record.ts";

/** An aggregate of a tenant. */
export interface Aggregate {
  readonly tenant_id: string;
  readonly aggregate_id: string;
}

/** What a batch came to: every row is in exactly one of the lists. */
export interface Settlement {
  readonly published: readonly { readonly row: OutboxRow; readonly position: RecordPosition }[];
  /** Refused for themselves: this counts as one of their tries. */
  readonly refused: readonly { readonly row: OutboxRow; readonly error: string }[];
  /** Behind a refused row of the same aggregate: taken out of the way until that one is settled. */
  readonly held: readonly OutboxRow[];
  /** Untouched, to be read again: the log is away. `interruption` says why. */
  readonly left: readonly OutboxRow[];
  readonly interruption: NotPublishedError | undefined;
}

/** One text for an aggregate, to look it up by. */
export function aggregateKey(aggregate: Aggregate): string {
  return `${aggregate.tenant_id}/${aggregate.aggregate_id}`;
}

/** Parts a batch into what may be published now and what has to wait behind a blocked aggregate. */
export function plan(
  rows: readonly OutboxRow[],
  isBlocked: (key: string) => boolean,
): { publish: OutboxRow[]; hold: OutboxRow[] } {
  const { publish = [], hold = [] } = Object.groupBy(rows, (row) =>
    isBlocked(aggregateKey(row)) ? "hold" : "publish",
  );
  return { publish, hold };
}

/**
 * Decides what becomes of each row by its outcome. A row's own error is charged to it and blocks its aggregate; that the
 * log is away is nobody's fault and charges none.
 * @param outcomes one a row, in their order, as EventLog.publish returns them
 */
export function settle(rows: readonly OutboxRow[], outcomes: readonly PublishOutcome[]): Settlement {
  const published: { row: OutboxRow; position: RecordPosition }[] = [];
  const refused: { row: OutboxRow; error: string }[] = [];
  const held: OutboxRow[] = [];
  const left: OutboxRow[] = [];
  const blocked = new Set<string>();
  let interruption: NotPublishedError | undefined;
  for (const [i, row] of rows.entries()) {
    const outcome = outcomes[i] ?? new NotPublishedError("the log did not say what became of it");
    if (outcome instanceof RecordRefusedError) {
      refused.push({ row, error: outcome.message });
      blocked.add(aggregateKey(row));
    } else if (!(outcome instanceof NotPublishedError)) {
      published.push({ row, position: outcome });
    } else if (blocked.has(aggregateKey(row))) {
      held.push(row);
    } else {
      left.push(row);
      interruption ??= outcome;
    }
  }
  return { published, refused, held, left, interruption };
}
