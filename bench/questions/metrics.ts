/**
 * What metrics and traces cost: servers that count, that do not, and that send spans, under the same load in the same window, so
 * that whatever else the machine does meets them alike; the kernel shares its cores evenly among them, and what one does more a
 * request it does fewer of. A second server that counts is measured like the others: how far it is from the first is how far
 * chance goes. What is counted for a POST is run in a loop beside. A scrape is measured at rest, under load, and with a
 * million events in the outbox.
 */
import { join } from "node:path";
import type { Sql } from "postgres";
import { Receiver } from "../../test/metrics/receiver.ts";
import { seriesOf } from "../../test/metrics/world.ts";
import type { Bench } from "../harness/bench.ts";
import { countedForOne, countedToUncounted } from "../harness/counting.ts";
import type { Database } from "../harness/database.ts";
import { holdLead } from "../harness/lead.ts";
import { request, runLoad } from "../harness/load.ts";
import type { Question } from "../harness/question.ts";
import { median } from "../harness/stats.ts";

/** Of each server. */
const CLIENTS = 6;
const WINDOW_S = 8;
const TENANT = "12345678-1234-1234-1234-123456789012";
/** Rounds in which counted and uncounted ones are compared: the servers of a kind differ by more than what is looked for. */
const COUNTING_ROUNDS = 15;
const SCRAPES = 200;
/** Events in the outbox that nobody publishes. */
const BACKLOG = 1_000_000;
/** Pairs of blocks of POSTs in one process. */
const PAIRS = 120;

export const metrics: Question = {
  name: "metrics",
  asks: "What do metrics and traces cost a POST, and what does a scrape cost?",
  needs: [],
  inQuick: false,
  async measure(bench) {
    const database = await bench.database();
    const receiver = bench.keep(new Receiver());
    const spans = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    const tenth = { ...spans, OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.1" };
    const uncounted = [process.execPath, join(import.meta.dir, "..", "harness", "uncounted.ts")];
    const servers = {
      "nothing counted": await serverOn(bench, database, {}, uncounted),
      "nothing counted, a second server": await serverOn(bench, database, {}, uncounted),
      counted: await serverOn(bench, database, {}),
      "counted, a second server": await serverOn(bench, database, {}),
      "counted, a tenth of the traces sent": await serverOn(bench, database, tenth),
      "counted, every trace sent": await serverOn(bench, database, spans),
    };
    type Name = keyof typeof servers;
    const window =
      (...names: Name[]) =>
      async () => {
        const pids = Object.fromEntries(names.map((name) => [name, servers[name].server.process.pid]));
        const done = bench.watch("POST", pids);
        const load = { connections: CLIENTS, requests: [postRequest()], seconds: bench.seconds(WINDOW_S) };
        const results = await Promise.all(names.map((name) => runLoad({ ...load, url: servers[name].server.url })));
        const used = done();
        receiver.spans.length = 0;
        return Object.fromEntries(
          names.flatMap((name, i) => {
            const { perSecond = 0, answers = 0, failed = 0 } = results[i] ?? {};
            const micros = (1e6 * (used[name] ?? 0)) / answers;
            return [
              [`${name}: throughput`, perSecond],
              [`${name}: CPU`, micros],
              [`${name}: failed`, failed],
            ] as const;
          }),
        );
      };
    const pairs = [
      "nothing counted",
      "nothing counted, a second server",
      "counted",
      "counted, a second server",
    ] as const;
    const rounds = bench.isQuick ? 1 : COUNTING_ROUNDS;
    const counting = await bench.inTurn({ counting: window(...pairs) }, { rounds });
    const tracing = await bench.inTurn({
      tracing: window("nothing counted", "counted, a tenth of the traces sent", "counted, every trace sent"),
    });
    /** Of each round, all of `names` together to all of `others`. */
    const compare = (
      of: (figure: string) => number[],
      names: readonly Name[],
      others: readonly Name[],
      bar?: number,
    ) => {
      const mean = (each: readonly Name[], what: string, round: number) =>
        each.reduce((total, name) => total + (of(`${name}: ${what}`)[round] ?? Number.NaN), 0) / each.length;
      const to = (what: string) =>
        of(`${names[0]}: ${what}`).map((_, round) => mean(names, what, round) / mean(others, what, round));
      const [one, another] = [names.join(" and "), others.join(" and ")];
      bench.figure({
        what: `POST, ${one}: throughput to that of ${another}`,
        unit: "",
        values: to("throughput"),
        digits: 3,
        bar: bar === undefined ? undefined : { atLeast: bar },
      });
      bench.figure({ what: "… the server's CPU for one, to that", unit: "", values: to("CPU"), digits: 3 });
    };
    const counted = (figure: string) => counting.of("counting", figure);
    const traced = (figure: string) => tracing.of("tracing", figure);
    const cpu = counted("nothing counted: CPU");
    bench.figure({ what: "POST, nothing counted: the server's CPU for one", unit: "µs", values: cpu });
    compare(counted, pairs.slice(2), pairs.slice(0, 2), 0.98);
    compare(counted, [pairs[1]], [pairs[0]]);
    compare(counted, [pairs[3]], [pairs[2]]);
    compare(traced, ["counted, a tenth of the traces sent"], [pairs[0]]);
    compare(traced, ["counted, every trace sent"], [pairs[0]]);
    const { url } = await database.create();
    bench.figure({
      what: "POST through all routes in one process: CPU for a counted one to one that is not, blocks in turn",
      unit: "",
      values: await countedToUncounted(url, bench.size(PAIRS, 8)),
      digits: 3,
      bar: { atMost: 1.02 },
      why: "5 of 95 µs, most of it in the histograms of prom-client: docs/performance.md.",
    });
    const loop = countedForOne();
    bench.figure({ what: "what is counted for a POST, run in a loop: CPU", unit: "µs", values: loop, digits: 2 });
    bench.figure({
      what: "… to the server's CPU for one",
      unit: "",
      values: [median(loop) / median(cpu)],
      digits: 4,
      bar: { atMost: 0.02 },
    });
    await scrapes(bench, database, servers.counted);
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
  const done = bench.watch("scrapes at rest", { server: server.process.pid });
  const rest = await scrape(server.url, times);
  const cpuMs = (1_000 * done().server) / times;
  bench.figure({ what: `scrape at rest, of ${times}`, unit: "ms", values: rest.ms, digits: 2, bar });
  bench.figure({ what: "… the server's CPU for one", unit: "ms", values: [cpuMs], digits: 2 });
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
