/**
 * The API's POST through its full stack against PostgreSQL's own pgbench. The yardstick makes the same rows in one transaction
 * of prepared statements with as many clients, on the same database and in turn with it: tenant, lock of the key, look for the key,
 * job, event, stored answer. The server runs whole, with relay, log and stream, and the load's client is on the same cores.
 */
import type { RunningServer } from "../../test/support/server.ts";
import type { Bench } from "../harness/bench.ts";
import type { Database } from "../harness/database.ts";
import { identity, TENANT_A } from "../harness/issuer.ts";
import { holdLead } from "../harness/lead.ts";
import { type Load, request, runLoad } from "../harness/load.ts";
import { pgbench } from "../harness/pgbench.ts";
import type { Question } from "../harness/question.ts";

const CLIENTS = 16;
const MANY_CLIENTS = 64;
const WINDOW_S = 4;
const TITLE = "Replace compressor, rooftop unit 7";
/** Writes a second of which latency is measured. */
const PACE = 500;

/** What POST does, statement by statement; the texts have the lengths that ours have. */
const SAME_STEPS = `
\\set n random(1, 1000000000)
begin;
select set_config('role', 'aetherlink_app', true), set_config('app.tenant_id', '${TENANT_A}', true);
select pg_try_advisory_xact_lock(hashtextextended('${TENANT_A}:' || :n, 0));
select * from idempotency_keys where tenant_id = '${TENANT_A}' and key = 'k' || :n and expires_at > now();
insert into jobs (tenant_id, id, version, title, status, tags, attributes, created_at, updated_at)
  values ('${TENANT_A}', uuidv7(), 1, '${TITLE}', 'Open', '{}', '{}', now(), now());
insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, traceparent, occurred_at)
  values (uuidv7(), '${TENANT_A}', 'JobCreated', 'Job', uuidv7(), '{"filler":"${"x".repeat(440)}"}',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', now());
insert into idempotency_keys (tenant_id, key, fingerprint, request_method, request_path, status_code, response_headers,
    response_body, created_at, expires_at)
  values ('${TENANT_A}', 'k' || :n, sha256('x'), 'POST', '/api/crm/jobs', 201, '{"ETag":"v1","Location":"${"x".repeat(60)}"}',
    '${"x".repeat(360)}', now(), now() + interval '1 day') on conflict do nothing;
commit;
`;

export const writes: Question = {
  name: "writes",
  asks: "How many writes a second go through the full stack, to pgbench with the same steps?",
  needs: ["pgbench"],
  async measure(bench) {
    const seconds = bench.seconds(WINDOW_S);
    const { database, open, closed, held, bearer } = await servers(bench);
    const post = async (during: string, server: RunningServer, more: Partial<Load> = {}, headers = {}) => {
      const done = bench.watch(during, { server: server.process.pid, PostgreSQL: database.pid });
      const result = await runLoad({
        url: server.url,
        connections: CLIENTS,
        requests: [postOf(headers)],
        seconds,
        ...more,
      });
      const used = done();
      bench.used(during, "client", result.cores, result.peakMb);
      const micros = (cpuSeconds: number) => (1e6 * cpuSeconds) / result.answers;
      return { ...result, serverMicros: micros(used.server), databaseMicros: micros(used.PostgreSQL) };
    };
    const yardstick = async (clients: number) => ({
      perSecond: await pgbench({ url: open.databaseUrl, script: SAME_STEPS, clients, seconds }),
    });
    const taken = await bench.inTurn({
      pgbench: () => yardstick(CLIENTS),
      POST: () => post("POST", open.server),
      "pgbench, many": () => yardstick(MANY_CLIENTS),
      "POST, many": () => post(`POST, ${MANY_CLIENTS} connections`, open.server, { connections: MANY_CLIENTS }),
      "without relay": () => post("POST, another has the lead", held.server),
      "with a token": () => post("POST with a token", closed.server, {}, bearer),
      paced: () => post(`POST at ${PACE}/s`, open.server, { perSecond: PACE }),
    });
    const ratio = (name: "POST" | "without relay" | "with a token") => taken.ratio(name, "pgbench", "perSecond");
    const bar = { atLeast: 1.2 };
    bench.figure({
      what: `pgbench -M prepared, the same steps as one transaction, ${CLIENTS} clients`,
      unit: "1/s",
      values: taken.of("pgbench", "perSecond"),
    });
    bench.figure({
      what: `POST /api/crm/jobs, ${CLIENTS} connections, relay and stream at work`,
      unit: "1/s",
      values: taken.of("POST", "perSecond"),
    });
    const why =
      "With 16 connections both wait for the disk, whose waits PostgreSQL shares out alike, and two cores are not full; on our side the relay marks and the stream sends besides: see the rows with 64 connections and without the lead.";
    bench.figure({ what: "… to pgbench of the same round", unit: "", values: ratio("POST"), digits: 2, bar, why });
    bench.figure({
      what: `the same with ${MANY_CLIENTS} connections, to pgbench with as many clients`,
      unit: "",
      values: taken.ratio("POST, many", "pgbench, many", "perSecond"),
      digits: 2,
      bar,
    });
    bench.figure({
      what: `… POST with ${MANY_CLIENTS} connections`,
      unit: "1/s",
      values: taken.of("POST, many", "perSecond"),
    });
    bench.figure({
      what: "POST while another server has the relay's lead",
      unit: "1/s",
      values: taken.of("without relay", "perSecond"),
    });
    bench.figure({ what: "… to pgbench", unit: "", values: ratio("without relay"), digits: 2, bar });
    bench.figure({ what: "POST with a bearer token", unit: "1/s", values: taken.of("with a token", "perSecond") });
    bench.figure({ what: "… to pgbench", unit: "", values: ratio("with a token"), digits: 2 });
    bench.figure({ what: `POST at ${PACE}/s, p50`, unit: "ms", values: taken.of("paced", "p50"), digits: 1 });
    bench.figure({
      what: `POST at ${PACE}/s, p99`,
      unit: "ms",
      values: taken.of("paced", "p99"),
      digits: 1,
      bar: { atMost: 15 },
    });
    bench.figure({
      what: "CPU for one POST: the server, relay and stream in it",
      unit: "µs",
      values: taken.of("POST", "serverMicros"),
    });
    bench.figure({ what: "CPU for one POST: PostgreSQL", unit: "µs", values: taken.of("POST", "databaseMicros") });
    const failed = (["POST", "POST, many", "without relay", "with a token", "paced"] as const).flatMap((name) =>
      taken.of(name, "failed"),
    );
    bench.figure({
      what: "answers that were no 2xx",
      unit: "",
      values: [failed.reduce((a, b) => a + b, 0)],
      bar: { atMost: 0 },
    });
  },
};

function postOf(headers: Record<string, string>) {
  const all = { "Content-Type": "application/json", "X-Tenant-Id": TENANT_A, "Idempotency-Key": "{key}", ...headers };
  return request("POST", "/api/crm/jobs", all, JSON.stringify({ title: TITLE }));
}

/** One that is open, one that asks for tokens, and one whose relay never gets the lead; each on a database of its own. */
async function servers(bench: Bench) {
  const database = await bench.database();
  const { env, headers } = await identity(bench);
  const open = await start(bench, database, {});
  const closed = await start(bench, database, env);
  const held = await start(bench, database, {});
  const holder = await holdLead(held.server, held.sql);
  bench.keep({ stop: async () => holder.release() });
  return { database, open, closed, held, bearer: headers };
}

async function start(bench: Bench, database: Database, env: Readonly<Record<string, string>>) {
  const { url, sql } = await database.create();
  return { server: await bench.server({ DATABASE_URL: url, ...env }), databaseUrl: url, sql };
}
