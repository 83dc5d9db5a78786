/**
 * From a commit to a consumer of Kafka, at two rates of writes. The commit's time is PostgreSQL's own
 * (track_commit_timestamp), so that the request around it is not in the figure.
 */
import type { Sql } from "postgres";
import type { Bench } from "../harness/bench.ts";
import type { Database } from "../harness/database.ts";
import { request, runLoad } from "../harness/load.ts";
import { brokers } from "../harness/needs.ts";
import type { Question } from "../harness/question.ts";
import { quantile } from "../harness/stats.ts";
import { drained, environment, TENANT } from "../relay/outbox.ts";
import { Watch } from "../relay/watch.ts";

const WINDOW_S = 6;
const WARM_UP_S = 3;
const CONNECTIONS = 64;
/** Milliseconds, p50 and p99. */
const RATES = [
  { perSecond: 200, p50: 3, p99: 15 },
  { perSecond: 1_000, p50: 5, p99: 25 },
] as const;

const WHY =
  "Each event waits for the round of the relay before it, for the broker and for the disk (a commit has its time before it waits for that), while writers, server, PostgreSQL, broker and consumer share two cores.";

const headers = { "Content-Type": "application/json", "X-Tenant-Id": TENANT, "Idempotency-Key": "{key}" };
const post = request("POST", "/api/crm/jobs", headers, JSON.stringify({ title: "Replace compressor, rooftop unit 7" }));

export const latency: Question = {
  name: "latency",
  asks: "How long is it from a commit to a consumer of Kafka?",
  needs: ["kafka"],
  async measure(bench) {
    const database = await bench.database();
    for (const { perSecond, p50, p99 } of RATES) {
      const world = await World.start(bench, database);
      await world.round(perSecond, bench.isQuick ? 1 : WARM_UP_S);
      const measures = { [`${perSecond}/s`]: () => world.round(perSecond, bench.seconds(WINDOW_S)) };
      const taken = await bench.inTurn(measures, { warmUp: false });
      const of = (figure: string) => taken.of(`${perSecond}/s`, figure);
      const what = `commit → consumer of Kafka at ${perSecond.toLocaleString("en")} writes/s`;
      bench.figure({ what: `${what}, p50`, unit: "ms", values: of("p50"), digits: 1, bar: { atMost: p50 }, why: WHY });
      bench.figure({ what: `${what}, p99`, unit: "ms", values: of("p99"), digits: 1, bar: { atMost: p99 }, why: WHY });
      bench.figure({ what: "… writes that were made", unit: "1/s", values: of("rate") });
      bench.figure({
        what: "… events that did not come, or writes that failed",
        unit: "",
        values: of("missing"),
        bar: { atMost: 0 },
      });
      await world.stop();
    }
  },
};

/** A server with a reader of its topic. */
class World {
  private constructor(
    private readonly bench: Bench,
    private readonly database: Database,
    private readonly sql: Sql,
    private readonly server: Awaited<ReturnType<Bench["server"]>>,
    private readonly watch: Watch,
  ) {}

  static async start(bench: Bench, database: Database): Promise<World> {
    const { url, sql } = await database.create();
    const topic = bench.topic();
    const server = await bench.server(environment(url, brokers, topic));
    return new World(bench, database, sql, server, bench.keep(new Watch(topic)));
  }

  async round(perSecond: number, seconds: number): Promise<Record<string, number>> {
    const [{ last } = { last: "0" }] = await this.sql<{ last: string }[]>`
      select coalesce(max(id), 0)::text as last from outbox_events`;
    const during = `${perSecond} writes/s`;
    const done = this.bench.watch(during, { server: this.server.process.pid, PostgreSQL: this.database.pid });
    const load = { url: this.server.url, connections: CONNECTIONS, seconds, perSecond, requests: [post] };
    const result = await runLoad(load);
    done();
    this.bench.used(during, "client", result.cores, result.peakMb);
    await drained(this.sql);
    await Bun.sleep(300);
    const commits = await this.sql<{ event_id: string; at: number }[]>`
      select o.event_id, extract(epoch from pg_xact_commit_timestamp(j.xmin))::float8 * 1000 as at
      from outbox_events o join jobs j on j.id = o.aggregate_id where o.id > ${last}::bigint`;
    const delays = commits.map(({ event_id, at }) => (this.watch.arrivals.get(event_id) ?? Number.NaN) - at);
    const came = delays.filter((delay) => !Number.isNaN(delay));
    return {
      rate: result.perSecond,
      p50: quantile(came, 0.5),
      p99: quantile(came, 0.99),
      missing: delays.length - came.length + result.failed,
    };
  }

  async stop(): Promise<void> {
    await this.watch.stop();
    await this.server.stop();
  }
}
