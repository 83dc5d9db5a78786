/**
 * The API through its full stack against PostgreSQL's own pgbench: `bun bench/api.ts [rounds] [seconds]`; prints Markdown and
 * keeps it in api.md. The yardstick makes the same rows in one transaction of prepared statements at 16 clients, on the same
 * database and in turn with it: tenant, lock of the key, look for the key, job, event, stored answer. The server runs whole,
 * with relay, log and stream, and the load's client is on the same cores.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { ReservedSql, Sql } from "postgres";
import { LEADER_LOCK } from "../src/outbox/lock.ts";
import { AUDIENCE, Issuer, newKey, TENANT_A } from "../test/auth/issuer.ts";
import { RunningServer } from "../test/support/server.ts";
import { Database, machine, median, type Numbers, spread } from "./harness.ts";
import { request, runLoad } from "./load.ts";

const [rounds = 5, seconds = 8] = Bun.argv.slice(2, 4).map(Number);
const CLIENTS = 16;
const WARM_UP_S = 3;
const TITLE = "Replace compressor, rooftop unit 7";

/** What POST does, statement by statement; the texts have the lengths that ours have. */
const PGBENCH = `
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

const post = (headers: Record<string, string> = {}) =>
  request(
    "POST",
    "/api/crm/jobs",
    { "Content-Type": "application/json", "X-Tenant-Id": TENANT_A, "Idempotency-Key": "{key}", ...headers },
    JSON.stringify({ title: TITLE }),
  );

async function pgbench(url: string, script: string): Promise<number> {
  const command = [
    "pgbench",
    "-n",
    "-M",
    "prepared",
    "-c",
    String(CLIENTS),
    "-j",
    "2",
    "-T",
    String(seconds),
    "-f",
    script,
    url,
  ];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const text = await new Response(child.stdout).text();
  const [, rate] = /tps = ([\d.]+)/.exec(text) ?? [];
  if (rate === undefined) throw new Error(`pgbench: ${text}${await new Response(child.stderr).text()}`);
  return Number(rate);
}

/** Takes the lead from the server's relay, as another server would have it. */
async function holdLead(server: RunningServer, sql: Sql): Promise<ReservedSql> {
  await server.until((output) => output.includes("relay leads"));
  const session = await sql.reserve();
  const taken = session`select pg_advisory_lock(${LEADER_LOCK})`.execute();
  await sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = ${LEADER_LOCK} and granted`;
  await taken;
  return session;
}

const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-api-"));
const script = join(folder, "post.sql");
await Bun.write(script, PGBENCH);
const database = await Database.start();
const issuer = await new Issuer([await newKey("k1")]).start();
const token = await issuer.token({ exp: Math.floor(Date.now() / 1_000) + 36_000 });
const servers: RunningServer[] = [];
const start = async (env: Record<string, string>) => {
  const { url, sql } = await database.create();
  const server = await new RunningServer({ env: { DATABASE_URL: url, LOG_FORMAT: "json", ...env } }).ready();
  servers.push(server);
  return { server, url: server.url, databaseUrl: url, sql };
};
try {
  const open = await start({});
  const closed = await start({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE });
  const held = await start({});
  const holder = await holdLead(held.server, held.sql);
  const bearer = { Authorization: `Bearer ${token}` };
  const loads = {
    open: { url: open.url, connections: CLIENTS, requests: [post()] },
    held: { url: held.url, connections: CLIENTS, requests: [post()] },
    closed: { url: closed.url, connections: CLIENTS, requests: [post(bearer)] },
  };
  const figures: Record<string, Numbers> = {};
  const note = (name: string, value: number) => {
    figures[name] = [...(figures[name] ?? []), value];
    return value;
  };
  const failures: string[] = [];
  const measure = async (name: string, load: Parameters<typeof runLoad>[0]) => {
    const result = await runLoad(load);
    if (result.failed > 0) failures.push(`${name}: ${result.failed} answers were no 2xx`);
    note(name, result.perSecond);
    note(`${name} p50`, result.p50);
    note(`${name} p99`, result.p99);
    note(`${name} client`, result.cores);
    return result.perSecond;
  };
  for (const load of Object.values(loads)) await runLoad({ ...load, seconds: WARM_UP_S });
  for (let round = 1; round <= rounds; round++) {
    const bare = note("pgbench", await pgbench(open.databaseUrl, script));
    const asDeveloper = await measure("POST", { ...loads.open, seconds });
    const asCaller = await measure("POST with a token", { ...loads.closed, seconds });
    const alone = await measure("POST without relay", { ...loads.held, seconds });
    note("ratio without relay", alone / bare);
    note("ratio", asDeveloper / bare);
    note("ratio with a token", asCaller / bare);
    process.stderr.write(
      `${round}: pgbench ${bare.toFixed(0)}/s, POST ${asDeveloper.toFixed(0)}/s, without relay ${alone.toFixed(0)}/s, with a token ${asCaller.toFixed(0)}/s\n`,
    );
  }
  const rows = await open.sql<{ id: string }[]>`select id from jobs limit 1000`;
  const gets = (headers: Record<string, string>, ids: { id: string }[]) =>
    ids.map(({ id }) => request("GET", `/api/crm/jobs/${id}`, { "X-Tenant-Id": TENANT_A, ...headers }));
  const theirs = await closed.sql<{ id: string }[]>`select id from jobs limit 1000`;
  for (let round = 1; round <= rounds; round++) {
    await measure("GET", { ...loads.open, requests: gets({}, rows), seconds });
    await measure("GET with a token", { ...loads.closed, requests: gets(bearer, theirs), seconds });
    await measure("paced", { ...loads.open, perSecond: 500, seconds });
  }
  const all = (name: string, digits = 0) => spread(figures[name] ?? [], digits);
  const lines = [
    "# The API",
    "",
    `\`bun bench/api.ts ${rounds} ${seconds}\`, ${new Date().toISOString().slice(0, 10)}, ${machine}; PostgreSQL 18 with fsync, pgbench, server and client on the same machine. Median (lowest – highest) of ${rounds} rounds of ${seconds} s.`,
    "",
    "| what | measured | bar |",
    "| --- | --- | --- |",
    `| pgbench -M prepared, the same steps as one transaction, ${CLIENTS} clients (1/s) | ${all("pgbench")} | |`,
    `| POST /api/crm/jobs, ${CLIENTS} connections, while another server has the lead (1/s) | ${all("POST without relay")} | |`,
    `| … to pgbench of the same round | ${all("ratio without relay", 2)} | 0.9 |`,
    `| POST /api/crm/jobs, ${CLIENTS} connections, relay and stream at work (1/s) | ${all("POST")} | |`,
    `| … to pgbench of the same round | ${all("ratio", 2)} | 0.9 |`,
    `| POST with a bearer token (1/s) | ${all("POST with a token")} | |`,
    `| … to pgbench of the same round | ${all("ratio with a token", 2)} | 0.9 |`,
    `| POST at 500/s, p50 (ms) | ${all("paced p50", 1)} | |`,
    `| POST at 500/s, p99 (ms) | ${all("paced p99", 1)} | 15 |`,
    `| GET by id (1/s) | ${all("GET")} | 8,000 |`,
    `| GET by id with a bearer token (1/s) | ${all("GET with a token")} | |`,
    `| cores that the client used during POST / GET | ${median(figures["POST client"] ?? []).toFixed(2)} / ${median(figures["GET client"] ?? []).toFixed(2)} of ${cpus().length} | |`,
    ...(failures.length > 0 ? ["", ...failures] : []),
    "",
  ];
  await Bun.write(join(import.meta.dir, "api.md"), lines.join("\n"));
  process.stdout.write(lines.join("\n"));
  holder.release();
  await open.sql.end();
  await held.sql.end();
  await closed.sql.end();
} finally {
  for (const server of servers) await server.stop();
  await issuer.stop();
  await database.stop();
  await rm(folder, { recursive: true, force: true });
}
