import type postgres from "postgres";
import type { OutboxRow } from "./record.ts";
import type { Aggregate, Settlement } from "./settle.ts";

/** An aggregate that is blocked, as it is stored. */
export interface BlockedAggregate extends Aggregate {
  /** True behind a dead letter: not tried again until a person has requeued or discarded it. */
  readonly dead: boolean;
}

/** The outbox as the leader works with it. Every call is one or a few statements without a transaction around them. */
export interface OutboxStore {
  /**
   * The next events to publish, in id order.
   * @param after id behind which they stand; "0" for all
   * @param upTo the last id that may be among them, when they stand behind one
   */
  readPending(limit: number, after: string, upTo?: string): Promise<OutboxRow[]>;
  /** The highest id of all that is committed; "0" when there is none. */
  newestId(): Promise<string>;
  /** All blocked aggregates. */
  readBlocked(): Promise<BlockedAggregate[]>;
  /** The first held events of an aggregate, in id order. */
  readHeld(aggregate: Aggregate, limit: number): Promise<OutboxRow[]>;
  /** Ends the blocking of an aggregate behind which nothing is held any more; false when something is. */
  unblock(aggregate: Aggregate): Promise<boolean>;
  /** Writes down what became of a batch. Doing it twice is the same as once. */
  record(settlement: Pick<Settlement, "published" | "refused" | "held">): Promise<void>;
}

/** Tries after which a refused event is a dead letter. */
export const MAX_TRIES = 5;
/** Events whose marks a crash of PostgreSQL may undo; see LOOK_BACK in src/stream/seen.ts. */
export const UNDURABLE_EVENTS = 5_000;

const MAX_ID = "9223372036854775807";
/** In none of the texts that it parts: ids, numbers, a time; the JSON comes last. */
const SEPARATOR = "\x1f";

interface PackedRow {
  readonly type: string;
  readonly aggregate_type: string;
  readonly traceparent: string | null;
  readonly rest: string;
}

function unpack({ type, aggregate_type, traceparent, rest }: PackedRow): OutboxRow {
  const [id = "", event_id = "", tenant_id = "", aggregate_id = "", retries, occurredAt = ""] = rest.split(
    SEPARATOR,
    6,
  );
  const head =
    id.length + event_id.length + tenant_id.length + aggregate_id.length + (retries?.length ?? 0) + occurredAt.length;
  return {
    id,
    event_id,
    tenant_id,
    type,
    aggregate_type,
    aggregate_id,
    payload: rest.slice(head + 6),
    traceparent,
    occurred_at: new Date(occurredAt),
    retry_count: Number(retries),
  };
}

/** The outbox on the session that holds the leader's lock: when that is gone, so is all of this. */
export class SessionOutbox implements OutboxStore {
  readonly #sql: postgres.ReservedSql;
  /** Events marked since the last mark that waited for the disk. */
  #undurable = 0;

  constructor(sql: postgres.ReservedSql) {
    this.#sql = sql;
  }

  async readPending(limit: number, after: string, upTo = MAX_ID): Promise<OutboxRow[]> {
    // Without a range from the beginning on: for one the primary key looks as good as the index of what is pending, and through
    // it all that was ever published would be read.
    const range = after === "0" ? this.#sql`` : this.#sql`and id > ${after}::bigint and id <= ${upTo}::bigint`;
    const rows = await this.#sql<PackedRow[]>`
      select ${this.#packed()} from outbox_events
      where published_at is null and not held ${range}
      order by id limit ${limit}`;
    return rows.map(unpack);
  }

  async newestId(): Promise<string> {
    const [row] = await this.#sql<{ id: string | null }[]>`select max(id)::text as id from outbox_events`;
    return row?.id ?? "0";
  }

  async readBlocked(): Promise<BlockedAggregate[]> {
    return await this.#sql<BlockedAggregate[]>`select tenant_id, aggregate_id, dead from outbox_blocked`;
  }

  async readHeld(aggregate: Aggregate, limit: number): Promise<OutboxRow[]> {
    const rows = await this.#sql<PackedRow[]>`
      select ${this.#packed()} from outbox_events
      where held and published_at is null and discarded_at is null
        and tenant_id = ${aggregate.tenant_id} and aggregate_id = ${aggregate.aggregate_id}
      order by id limit ${limit}`;
    return rows.map(unpack);
  }

  async unblock({ tenant_id, aggregate_id }: Aggregate): Promise<boolean> {
    const removed = await this.#sql`
      delete from outbox_blocked b
      where tenant_id = ${tenant_id} and aggregate_id = ${aggregate_id} and not exists (
        select from outbox_events o
        where o.tenant_id = b.tenant_id and o.aggregate_id = b.aggregate_id
          and o.held and o.published_at is null and o.discarded_at is null
      )`;
    return removed.count > 0;
  }

  async record({ published, refused, held }: Pick<Settlement, "published" | "refused" | "held">): Promise<void> {
    // Blocked before anything is held behind it: after a crash in between the next leader knows why a row is held.
    for (const { row, error } of refused) await this.#charge(row, error);
    if (held.length > 0) {
      await this.#sql`
        update outbox_events set held = true
        where id = any (${arrayLiteral(held.map((row) => row.id))}::text::bigint[]) and published_at is null`;
    }
    if (published.length > 0) await this.#markPublished(published);
  }

  /** Four columns instead of ten: the driver's work for a column is most of its work for a row. */
  #packed() {
    return this.#sql`type, aggregate_type, traceparent, concat_ws(
      ${SEPARATOR}, id, event_id, tenant_id, aggregate_id, retry_count, occurred_at, payload) as rest`;
  }

  /** One more try of an event that was refused; the last makes it a dead letter. */
  async #charge(row: OutboxRow, error: string): Promise<void> {
    await this.#sql`
      with charged as (
        update outbox_events set held = true, retry_count = retry_count + 1, last_error = ${error},
          dead_at = case when retry_count + 1 >= ${MAX_TRIES} then now() end
        where id = ${row.id} and retry_count = ${row.retry_count} and published_at is null and discarded_at is null
        returning tenant_id, aggregate_id, dead_at is not null as dead
      )
      insert into outbox_blocked (tenant_id, aggregate_id, dead) select tenant_id, aggregate_id, dead from charged
      on conflict (tenant_id, aggregate_id) do update set dead = excluded.dead`;
  }

  /**
   * One statement for the batch. By id and never by a range of ids: a row with an id in between may have committed after
   * the batch was read. No index may offer all that is unpublished, held or not, or statistics from before a backlog would have
   * it read for each batch (328 events/s in place of 42,000): sql/0007_plans.sql.
   *
   * Most of these do not wait for the disk: a mark that a crash of PostgreSQL undoes makes a repeat, which the stream does
   * not show, and never a loss. Every so many events one waits, and with it all before it, so that the repeats are bounded.
   */
  async #markPublished(published: Settlement["published"]): Promise<void> {
    this.#undurable += published.length;
    const isDurable = this.#undurable >= UNDURABLE_EVENTS;
    if (isDurable) this.#undurable = 0;
    await this.#sql`
      update outbox_events o set published_at = now(), log_partition = m.log_partition, log_offset = m.log_offset
      from (select set_config('synchronous_commit', ${isDurable ? "on" : "off"}, true) offset 0) as this_transaction, unnest(
        ${arrayLiteral(published.map(({ row }) => row.id))}::text::bigint[],
        ${arrayLiteral(published.map(({ position }) => position.partition))}::text::integer[],
        ${arrayLiteral(published.map(({ position }) => position.offset))}::text::bigint[]
      ) as m (id, log_partition, log_offset)
      where o.id = m.id and o.published_at is null`;
  }
}

/** `{1,2,3}`: numbers as PostgreSQL reads an array from text. */
function arrayLiteral(numbers: readonly (string | number)[]): string {
  return `{${numbers.join(",")}}`;
}
