/** What a backlog of the relay costs the writers, who share tables and indexes with it. */
import type postgres from "postgres";
import type { Question } from "../harness/question.ts";
import { fill } from "../relay/outbox.ts";
import { writeJobs } from "../relay/writers.ts";

const MILLION = 1_000_000;
const WINDOW_S = 3;

export const backlog: Question = {
  name: "backlog",
  asks: "What does a backlog of a million events cost the writers, and how does the relay read it?",
  needs: [],
  async measure(bench) {
    const database = await bench.database();
    const events = bench.size(MILLION, 50_000);
    const [empty, published, pending] = [await database.create(), await database.create(), await database.create()];
    await fill(published.sql, { events, arePublished: true });
    await fill(pending.sql, { events });
    const by = (during: string, sql: postgres.Sql) => async () => {
      const done = bench.watch(during, { PostgreSQL: database.pid });
      const { count, perSecond } = await writeJobs(sql, bench.seconds(WINDOW_S));
      return { perSecond, micros: (done().PostgreSQL * 1e6) / count };
    };
    const taken = await bench.inTurn({
      empty: by("writes, outbox empty", empty.sql),
      published: by("writes, published rows", published.sql),
      pending: by("writes, backlog", pending.sql),
    });
    const count = events.toLocaleString("en");
    const of = (name: "empty" | "published" | "pending", what: string) =>
      bench.figure({
        what: `jobs written by 16 connections, ${what}`,
        unit: "1/s",
        values: taken.of(name, "perSecond"),
      });
    of("empty", "outbox empty");
    of("published", `${count} published rows`);
    of("pending", `backlog of ${count}`);
    const slower = (to: "published" | "empty") =>
      taken.ratio("pending", to, "perSecond").map((ratio) => (1 - ratio) * 100);
    const bar = { atMost: 5 };
    const why = "The rounds of one kind differ by more than what is looked for.";
    bench.figure({
      what: "slower with the backlog than with as many published rows",
      unit: "%",
      values: slower("published"),
      digits: 1,
      bar,
      why,
    });
    bench.figure({
      what: "slower with the backlog than with an empty table",
      unit: "%",
      values: slower("empty"),
      digits: 1,
      bar,
      why,
    });
    const more = taken.ratio("pending", "empty", "micros").map((ratio) => (ratio - 1) * 100);
    bench.figure({
      what: "more CPU of PostgreSQL for one write, backlog to empty",
      unit: "%",
      values: more,
      digits: 1,
    });
    bench.note(
      `How the leader reads with a backlog of ${count}:\n\n\`\`\`\n${(await plan(pending.sql)).join("\n")}\n\`\`\``,
    );
  },
};

async function plan(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql.begin(async (tx) => {
    await tx`set local role aetherlink_relay`;
    return await tx`
      explain (analyze, buffers, costs off)
      select type, aggregate_type, traceparent,
        concat_ws(chr(31), id, event_id, tenant_id, aggregate_id, retry_count, occurred_at, payload) as rest
      from outbox_events
      where published_at is null and not held and id > 0 and id <= 9223372036854775807
      order by id limit 1000`;
  });
  return rows.map((row) => String(row["QUERY PLAN"]));
}
