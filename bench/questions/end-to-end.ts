/**
 * The whole way, from the commit to the client of a stream: writes at a steady rate through the API of a whole server, whose
 * stream has 500 clients. The commit's time is PostgreSQL's own; the client's is when the bytes came.
 */
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench } from "../harness/bench.ts";
import { Child } from "../harness/child.ts";
import type { Database } from "../harness/database.ts";
import { request, runLoad } from "../harness/load.ts";
import { brokers, missing } from "../harness/needs.ts";
import type { Question } from "../harness/question.ts";
import { quantile } from "../harness/stats.ts";
import { drained, environment, TENANT } from "../relay/outbox.ts";
import type { LoadAnswer, LoadQuestion } from "../stream/load.ts";

const PER_SECOND = 1_000;
const STREAMS = 500;
/** Of so many streams one is looked at event by event. */
const SAMPLED = 50;
const WINDOW_S = 6;
const CONNECTIONS = 64;
/** Milliseconds that the streams get for the last events. */
const SETTLE_MS = 500;

const WHY =
  "Four steps wait for one event loop, which hands events to 500 streams for 5 to 20 ms at a time: docs/performance.md has the steps. A relay with a thread of its own is not built.";

const headers = { "Content-Type": "application/json", "X-Tenant-Id": TENANT, "Idempotency-Key": "{key}" };
const post = request("POST", "/api/crm/jobs", headers, JSON.stringify({ title: "Replace compressor, rooftop unit 7" }));

export const endToEnd: Question = {
  name: "end-to-end",
  asks: "How long is it from a commit to a client of the stream, at 1,000 writes a second and 500 streams?",
  needs: [],
  async measure(bench) {
    const database = await bench.database();
    const logs =
      missing("kafka") === undefined ? (["Kafka", "in-process log"] as const) : (["in-process log"] as const);
    for (const log of logs) {
      const round = await world(bench, database, log);
      const taken = await bench.inTurn({ [log]: round });
      const of = (figure: string) => taken.of(log, figure);
      const what = `commit → client, ${log}`;
      bench.figure({ what: `${what}, p50`, unit: "ms", values: of("p50"), digits: 1 });
      bench.figure({ what: `${what}, p99`, unit: "ms", values: of("p99"), digits: 1, bar: { atMost: 40 }, why: WHY });
      bench.figure({
        what: "… writes that were made",
        unit: "1/s",
        values: of("rate"),
        bar: { atLeast: PER_SECOND * 0.98 },
      });
      bench.figure({
        what: "… events that did not come to a client, or writes that failed",
        unit: "",
        values: of("missing"),
        bar: { atMost: 0 },
      });
    }
    if (logs.length === 1) bench.note("With Kafka it was not measured: there is none.");
  },
};

/** A server with its streams; returns what measures one round. */
async function world(bench: Bench, database: Database, log: string): Promise<() => Promise<Record<string, number>>> {
  const { url, sql } = await database.create();
  const env = log === "Kafka" ? environment(url, brokers, bench.topic()) : { DATABASE_URL: url };
  const server = await bench.server(env);
  const streams = bench.keep(new Child<LoadQuestion, LoadAnswer>(`${import.meta.dir}/../stream/load.ts`));
  const port = Number(new URL(server.url).port);
  await streams.ask({ ask: "open", port, clients: STREAMS, sampled: SAMPLED, notes: "events" });
  const file = join(tmpdir(), `seen-${crypto.randomUUID()}`);
  return async () => {
    const [{ last } = { last: "0" }] = await sql<
      { last: string }[]
    >`select coalesce(max(id), 0)::text as last from outbox_events`;
    await streams.ask({ ask: "start" });
    const during = `${PER_SECOND} writes/s, ${log}`;
    const done = bench.watch(during, { server: server.process.pid, PostgreSQL: database.pid, streams: streams.pid });
    const load = {
      url: server.url,
      connections: CONNECTIONS,
      seconds: bench.seconds(WINDOW_S),
      perSecond: PER_SECOND,
      requests: [post],
    };
    const result = await runLoad(load);
    done();
    bench.used(during, "writers", result.cores, result.peakMb);
    await drained(sql);
    await Bun.sleep(SETTLE_MS);
    await streams.ask({ ask: "dump", file });
    const commits = await sql<{ event_id: string; at: number }[]>`
      select o.event_id, extract(epoch from pg_xact_commit_timestamp(j.xmin))::float8 * 1000 as at
      from outbox_events o join jobs j on j.id = o.aggregate_id where o.id > ${last}::bigint`;
    const at = new Map(commits.map((commit) => [commit.event_id, commit.at]));
    const delays: number[] = [];
    for (const line of (await readFile(file, "utf8")).split("\n")) {
      const [id = "", time] = line.split(" ");
      const committed = at.get(id);
      if (committed !== undefined) delays.push(Number(time) - committed);
    }
    const expected = commits.length * (STREAMS / SAMPLED);
    return {
      rate: result.perSecond,
      p50: quantile(delays, 0.5),
      p99: quantile(delays, 0.99),
      missing: expected - delays.length + result.failed,
    };
  };
}
