/**
 * How the cost grows: of a write with tables and tenants, of a published event with the table. The cost is the CPU time of
 * an operation, which other work on the machine moves less than it moves rates; small and large are measured in turn.
 */
import type { Sql } from "postgres";
import { grow, tenantOf } from "../growth/tables.ts";
import type { Bench, Rounds } from "../harness/bench.ts";
import { runOnce } from "../harness/child.ts";
import type { Database } from "../harness/database.ts";
import { brokers, missing } from "../harness/needs.ts";
import type { Question } from "../harness/question.ts";
import { exponent, median } from "../harness/stats.ts";
import { environment, fill } from "../relay/outbox.ts";
import { writeJobs } from "../relay/writers.ts";

const ROWS = [10_000, 50_000, 500_000, 5_000_000];
const QUICK_ROWS = [1_000, 20_000];
const TENANTS = [10, 100, 1_000];
const TENANT_ROWS = 100_000;
const WINDOW_S = 2;
/** Events of one drain. */
const BACKLOG = 40_000;

interface World {
  readonly size: number;
  readonly tenants: number;
  readonly url: string;
  readonly sql: Sql;
}

export const growth: Question = {
  name: "growth",
  asks: "How does the cost of a write and of a published event grow with rows and tenants, from 1× to 100×?",
  needs: [],
  async measure(bench) {
    // Nothing is replicated, so that what is filled need not go through the log.
    const database = await bench.database({
      wal_level: "minimal",
      max_wal_senders: "0",
      // Seven databases, each with a pool of its own.
      max_connections: "250",
      max_wal_size: "8GB",
      shared_buffers: "1GB",
    });
    const began = performance.now();
    const rows = bench.isQuick ? QUICK_ROWS : ROWS;
    const byRows = await worlds(
      bench,
      database,
      rows.map((size) => ({ size, rows: size, tenants: 100 })),
    );
    const byTenants = bench.isQuick
      ? []
      : await worlds(
          bench,
          database,
          TENANTS.map((size) => ({ size, rows: TENANT_ROWS, tenants: size })),
        );
    const filled = (performance.now() - began) / 1_000;
    await compare(bench, "write, by rows", byRows, "rows", (world) => write(bench, database, world));
    await compare(bench, "write, by tenants", byTenants, "tenants", (world) => write(bench, database, world));
    if (missing("kafka") === undefined) {
      await compare(bench, "published event, by rows", byRows, "rows", (world) => drain(bench, database, world));
    } else bench.note("The relay was not measured: there is no Kafka.");
    bench.note(
      `Filling the tables took ${filled.toFixed(0)} s. Rows are as many jobs, published events and kept answers.`,
    );
  },
};

async function worlds(
  bench: Bench,
  database: Database,
  wanted: readonly { readonly size: number; readonly rows: number; readonly tenants: number }[],
): Promise<World[]> {
  const made: World[] = [];
  for (const { size, rows, tenants } of wanted) {
    const { url, sql } = await database.create();
    await grow(sql, { rows, tenants });
    bench.say(`filled ${rows.toLocaleString("en")} rows of ${tenants} tenants`);
    made.push({ size, tenants, url, sql });
  }
  return made;
}

/** CPU of PostgreSQL for one write, microseconds. */
async function write(bench: Bench, database: Database, { sql, tenants }: World): Promise<Record<string, number>> {
  let n = 0;
  const done = bench.watch("writes", { PostgreSQL: database.pid });
  const { count, perSecond } = await writeJobs(sql, bench.seconds(WINDOW_S), () => tenantOf(n++ % tenants));
  return { micros: (done().PostgreSQL * 1e6) / count, perSecond };
}

/** CPU of the relay and of PostgreSQL for one event, microseconds. */
async function drain(bench: Bench, database: Database, { url, sql, tenants }: World): Promise<Record<string, number>> {
  const events = bench.size(BACKLOG, 2_000);
  await sql`update outbox_events set published_at = now() where published_at is null`;
  await fill(sql, { events, tenants, vacuum: false });
  const done = bench.watch("drain", { PostgreSQL: database.pid });
  const child = `${import.meta.dir}/../relay/drain.child.ts`;
  const figures = await runOnce<{ perSecond: number; cpuMicros: number }>(
    child,
    [`${events}`],
    environment(url, brokers, bench.topic()),
  );
  return { micros: (done().PostgreSQL * 1e6) / events + figures.cpuMicros, perSecond: figures.perSecond };
}

/** Measures all sizes in turn: the cost of each, largest to smallest, and the exponent. */
async function compare(
  bench: Bench,
  what: string,
  all: readonly World[],
  unit: string,
  measure: (world: World) => Promise<Record<string, number>>,
): Promise<void> {
  const [first, last] = [all[0], all.at(-1)];
  if (first === undefined || last === undefined) return;
  const name = ({ size }: World) => `${size.toLocaleString("en")} ${unit}`;
  const taken: Rounds<string> = await bench.inTurn(
    Object.fromEntries(all.map((world) => [name(world), () => measure(world)])),
  );
  for (const world of all) {
    bench.figure({
      what: `CPU for one ${what}: ${name(world)}`,
      unit: "µs",
      values: taken.of(name(world), "micros"),
      digits: 1,
    });
  }
  const more = taken.ratio(name(last), name(first), "micros").map((ratio) => (ratio - 1) * 100);
  bench.figure({
    what: `… more at ${name(last)} than at ${name(first)}`,
    unit: "%",
    values: more,
    digits: 1,
    bar: { atMost: 10 },
    why: "The rounds differ by more than what is looked for; the exponent over all sizes says more.",
  });
  const { slope } = exponent(all.map((world) => [world.size, median(taken.of(name(world), "micros"))] as const));
  bench.figure({
    what: `… exponent of the growth with ${unit}`,
    unit: "",
    values: [slope],
    digits: 3,
    bar: { atMost: 1.05 },
  });
}
