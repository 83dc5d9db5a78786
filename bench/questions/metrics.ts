/**
 * What metrics and traces cost: the same load on servers that count, that do not, and that send spans, in turn. A second server that
 * counts is measured like the others: how far it is from the first is how far chance goes. A scrape is measured at rest, under
 * load, and with a million events in the outbox.
 */
import { join } from "node:path";
import type { Sql } from "postgres";
import { Receiver } from "../../test/metrics/receiver.ts";
import { seriesOf } from "../../test/metrics/world.ts";
import type { Bench } from "../harness/bench.ts";
import type { Database } from "../harness/database.ts";
import { holdLead } from "../harness/lead.ts";
import { request, runLoad } from "../harness/load.ts";
import type { Question } from "../harness/question.ts";

const CLIENTS = 16;
const WINDOW_S = 4;
const ROUNDS = 9;
const TENANT = "12345678-1234-1234-1234-123456789012";
const SCRAPES = 200;
/** Events in the outbox that nobody publishes. */
const BACKLOG = 1_000_000;

export const metrics: Question = {
  name: "metrics",
  asks: "What do metrics and traces cost a POST, and what does a scrape cost?",
  needs: [],
  async measure(bench) {
    const database = await bench.database();
    const receiver = bench.keep(new Receiver());
    const spans = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    const uncounted = [process.execPath, join(import.meta.dir, "..", "harness", "uncounted.ts")];
    const off = await serverOn(bench, database, {}, uncounted);
    const on = await serverOn(bench, database, {});
    const again = await serverOn(bench, database, {});
    const tenth = await serverOn(bench, database, {
      ...spans,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.1",
    });
    const traced = await serverOn(bench, database, spans);
    const seconds = bench.seconds(WINDOW_S);
    const post = async (during: string, { server }: Served) => {
      const done = bench.watch(during, { server: server.process.pid, PostgreSQL: database.pid });
      const result = await runLoad({ url: server.url, connections: CLIENTS, requests: [postRequest()], seconds });
      const used = done();
      // What the bench's own receiver does is of this process, and in no figure.
      receiver.spans.length = 0;
      return { perSecond: result.perSecond, micros: (1e6 * used.server) / result.answers, failed: result.failed };
    };
    const taken = await bench.inTurn(
      {
        off: () => post("POST, nothing counted", off),
        on: () => post("POST, counted", on),
        again: () => post("POST, counted, a second server", again),
        tenth: () => post("POST, counted, a tenth of the traces sent", tenth),
        traced: () => post("POST, counted, every trace sent", traced),
      },
      { rounds: bench.isQuick ? 1 : ROUNDS },
    );
    const row = (name: "off" | "on" | "again" | "tenth" | "traced", what: string) =>
      bench.figure({
        what: `POST /api/crm/jobs, ${CLIENTS} connections, ${what}`,
        unit: "1/s",
        values: taken.of(name, "perSecond"),
      });
    const cost = (name: "on" | "again" | "tenth" | "traced", figure: "perSecond" | "micros", bar?: number) =>
      bench.figure({
        what: `… to that without, ${figure === "micros" ? "CPU of the server for one" : "throughput"}`,
        unit: "",
        values: taken.ratio(name, "off", figure),
        digits: 3,
        bar: bar === undefined ? undefined : { atLeast: bar },
      });
    row("off", "nothing counted");
    row("on", "counted");
    cost("on", "perSecond", 0.98);
    cost("on", "micros");
    row("again", "counted, a second server of the same kind");
    cost("again", "perSecond");
    cost("again", "micros");
    row("tenth", "counted, a tenth of the traces sent");
    cost("tenth", "perSecond");
    cost("tenth", "micros");
    row("traced", "counted, every trace sent: four spans a POST");
    cost("traced", "perSecond");
    cost("traced", "micros");
    await scrapes(bench, database, on);
  },
};

interface Served {
  readonly server: Awaited<ReturnType<Bench["server"]>>;
  readonly sql: Sql;
}

async function serverOn(
  bench: Bench,
  database: Database,
  env: Record<string, string>,
  command?: string[],
): Promise<Served> {
  const { url, sql } = await database.create();
  return { server: await bench.server({ DATABASE_URL: url, ...env }, command), sql };
}

function postRequest() {
  const headers = { "Content-Type": "application/json", "X-Tenant-Id": TENANT, "Idempotency-Key": "{key}" };
  return request("POST", "/api/crm/jobs", headers, JSON.stringify({ title: "Replace compressor, rooftop unit 7" }));
}

/** Milliseconds of each of some scrapes, one after the other, and what the last one said. */
async function scrape(url: string, times: number): Promise<{ ms: number[]; text: string }> {
  const ms: number[] = [];
  let text = "";
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    text = await (await fetch(`${url}/metrics`)).text();
    ms.push(performance.now() - began);
  }
  return { ms, text };
}

async function scrapes(bench: Bench, database: Database, { server }: Served): Promise<void> {
  const times = bench.size(SCRAPES, 20);
  const bar = { atMost: 15 };
  await scrape(server.url, 10);
  const rest = await scrape(server.url, times);
  bench.figure({ what: `scrape at rest, of ${times}`, unit: "ms", values: rest.ms, digits: 2, bar });
  const load = runLoad({
    url: server.url,
    connections: CLIENTS,
    requests: [postRequest()],
    seconds: bench.seconds(WINDOW_S),
  });
  const busy: number[] = [];
  let isBusy = true;
  void load.finally(() => {
    isBusy = false;
  });
  while (isBusy) busy.push(...(await scrape(server.url, 1)).ms);
  await load;
  bench.figure({ what: "scrape while all connections write", unit: "ms", values: busy, digits: 2, bar });

  const { server: full, sql } = await serverOn(bench, database, {});
  const session = await holdLead(full, sql);
  const count = bench.size(BACKLOG, 10_000);
  await sql`
    insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, occurred_at)
    select gen_random_uuid(), ${TENANT}::uuid, 'JobCreated', 'Job', gen_random_uuid(), '{}', now() from generate_series(1, ${count})`;
  await sql`vacuum analyze outbox_events`;
  // The first one waits for the count.
  await scrape(full.url, 2);
  const backlog = await scrape(full.url, times);
  const pause: number[] = [];
  // Each a second after the last, so that each has the outbox counted anew.
  for (let i = 0; i < bench.size(10, 1); i++) {
    await Bun.sleep(1_500);
    pause.push(...(await scrape(full.url, 1)).ms);
  }
  session.release();
  bench.figure({
    what: `scrape with ${count.toLocaleString("en")} events in the outbox`,
    unit: "ms",
    values: backlog.ms,
    digits: 2,
    bar,
  });
  bench.figure({ what: "… each of which has them counted anew", unit: "ms", values: pause, digits: 2, bar });
  const { text } = rest;
  bench.figure({ what: "series of a scrape", unit: "", values: [seriesOf(text).length], bar: { atMost: 399 } });
  bench.figure({ what: "size of a scrape", unit: "kB", values: [Buffer.byteLength(text) / 1_000], digits: 1 });
}
