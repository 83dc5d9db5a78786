/**
 * The whole loop on real parts: Prometheus by our rules at shortened windows, Alertmanager, two servers on one PostgreSQL, and
 * a Kafka that is killed, and is started again by autoheal alone.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { AuditEntry } from "../../src/autoheal/audit.ts";
import type { AutohealStatus } from "../../src/autoheal/status.ts";
import { makeFolder, removeFolder } from "../support/folder.ts";
import { Broker, missingForKafka } from "../support/kafka.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { Alertmanager, missingForMonitoring, Prometheus } from "./monitoring.ts";

const missing = [missingForKafka() ?? [], missingForMonitoring()].flat();
if (missing.length > 0 && process.env.CI === "true") throw new Error(`missing for this test: ${missing.join(", ")}`);

const TOKEN = "a-token-for-alertmanager";
const TENANT = "12345678-1234-1234-1234-123456789012";
/** What takes a minute takes a second. */
const FASTER = 60;

/** A broker that was killed is taken back when the controller has given up the one before: 9 s by default. */
const QUICK_BROKER = { "broker.session.timeout.ms": 2_000, "broker.heartbeat.interval.ms": 500 };

let folder: string;
let db: TestDatabase;
let broker: Broker;
let servers: RunningServer[] = [];
let alertmanager: Alertmanager;
let prometheus: Prometheus;
let rulesFile: string;
/** Parts of autoheal.json that are the same throughout. */
let startBroker: object;

beforeAll(async () => {
  if (missing.length > 0) return;
  folder = await makeFolder();
  [broker, db] = await Promise.all([Broker.start(folder, QUICK_BROKER), testDatabase()]);
  rulesFile = join(folder, "autoheal.json");
  startBroker = {
    type: "exec",
    command: await broker.startCommand(),
    dryRun: false,
    cooldownSeconds: 300,
    check: { probe: "broker", withinSeconds: 60 },
  };
  await allow([{ alert: "OutboxBacklogOld", action: "start-broker" }]);
  const env = {
    DATABASE_URL: db.url,
    DATABASE_POOL: "6",
    KAFKA_BROKERS: broker.address,
    // Else up to 10 s pass before a broker that is back is tried.
    KAFKA_OPTIONS: JSON.stringify({ "reconnect.backoff.max.ms": 1_000 }),
    AUTOHEAL_FILE: rulesFile,
    AUTOHEAL_TOKEN: TOKEN,
    HOST: "127.0.0.1",
    LOG_FORMAT: "json",
  };
  servers = [new RunningServer({ env }), new RunningServer({ env })];
  await Promise.all(servers.map((server) => server.ready()));
  const token = join(folder, "token");
  await Bun.write(token, TOKEN);
  const [first = "", second = ""] = servers.map(({ url }) => new URL(url).host);
  const addresses = { "server-1:9010": first, "server-2:9010": second };
  alertmanager = await Alertmanager.start(folder, {
    by: FASTER,
    replace: { ...addresses, "/secrets/alertmanager-token": token },
  });
  prometheus = await Prometheus.start(folder, {
    by: FASTER,
    replace: { ...addresses, "alertmanager:9093": new URL(alertmanager.url).host },
  });
}, 120_000);

afterAll(async () => {
  await prometheus?.stop();
  await alertmanager?.stop();
  for (const server of servers) if (server.process.exitCode === null) await server.stop("SIGKILL");
  await broker?.stop();
  await db?.drop();
  if (folder !== undefined) removeFolder(folder);
}, 60_000);

const allow = (rules: object[]) =>
  Bun.write(rulesFile, JSON.stringify({ actions: { "start-broker": startBroker }, rules }));
const get = async <T>(server: RunningServer, path: string): Promise<T> => {
  const response = await fetch(`${server.url}${path}`);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return await response.json();
};
const status = (server: RunningServer) => get<AutohealStatus>(server, "/autoheal/status");
const audit = async (server: RunningServer, query = "") =>
  (await get<{ data: AuditEntry[] }>(server, `/autoheal/audit?limit=200${query}`)).data.toReversed();
const createJob = async (server: RunningServer, title: string) => {
  const response = await fetch(`${server.url}/api/crm/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT },
    body: JSON.stringify({ title }),
  });
  expect(response.status).toBe(201);
};
const firing = () => prometheus.value('ALERTS{alertname="OutboxBacklogOld",alertstate="firing"}');
const leading = async (of: readonly RunningServer[]) => {
  for (const server of of) if ((await status(server)).state === "leading") return server;
  return undefined;
};
/** The figures stand in the output of the run; nothing depends on them. */
const say = (text: string) => process.stderr.write(`      ${text}\n`);

test.skipIf(missing.length > 0)(
  "a broker that is gone raises the alert, which reaches both replicas, and is started once; then all that waited is published",
  async () => {
    const [one, two] = servers as [RunningServer, RunningServer];
    await until("one leads", 10_000, async () => (await leading(servers)) !== undefined);
    await until("both are scraped", 10_000, async () => (await prometheus.value('sum(up{job="aetherlink"})')) === 2);
    const streams = await Promise.all(servers.map((server) => server.stream()));
    expect(await firing()).toBeUndefined();

    await broker.kill();
    const killedAt = Date.now();
    await createJob(one, "Written while the broker is gone");
    await until("the alert fires", 30_000, async () => (await firing()) === 1);
    const firedAt = Date.now();
    await until("the action is begun", 20_000, async () => (await broker.starts()).length > 0);
    const [startedAt = 0] = await broker.starts();
    say(`broker killed → alert fires: ${firedAt - killedAt} ms → action: ${startedAt - firedAt} ms`);

    // Recovery: the check of the action, the event that waited, the alert.
    await until("it is said to have helped", 60_000, async () => (await audit(two, "&result=executed")).length === 1);
    const healedAt = Date.now();
    for (const stream of streams) {
      await stream.until(({ frames }) =>
        frames.some(({ value }) => JSON.stringify(value).includes("Written while the broker is gone")),
      );
      await stream.close();
    }
    await until("the alert is over", 30_000, async () => (await firing()) === undefined);
    say(`action → broker answers: ${healedAt - startedAt} ms; the whole: ${Date.now() - killedAt} ms`);

    // Once, though it came to two replicas again and again.
    expect(await broker.starts()).toHaveLength(1);
    const entries = await audit(one, "&action=start-broker");
    const about = entries.filter(({ phase }) => phase === "started" || phase === "finished");
    expect(about.map(({ phase, result }) => [phase, result])).toEqual([
      ["started", "execute"],
      ["finished", "executed"],
    ]);
    expect(about[0]).toMatchObject({ actor: "alertmanager", cause: "alert OutboxBacklogOld" });
    expect(about[0]?.input).toMatchObject({ name: "OutboxBacklogOld", labels: { alertname: "OutboxBacklogOld" } });
    expect(about[1]?.detail).toBe("it ended with exit code 0; afterwards broker is up");
    expect(await audit(two, "&action=start-broker")).toEqual(await audit(one, "&action=start-broker"));

    // The metrics, as Prometheus has them from both.
    const executed = 'sum(autoheal_actions_total{action="start-broker",result="executed"})';
    await until("it is counted once", 10_000, async () => (await prometheus.value(executed)) === 1);
    expect(await prometheus.value("sum(autoheal_leader)")).toBe(1);
    expect(await prometheus.value("sum(autoheal_audit_write_seconds_count)")).toBeGreaterThanOrEqual(2);
    const received = 'sum(http_requests_total{route="/autoheal/alert",status="2xx"})';
    expect(await prometheus.value(received)).toBeGreaterThanOrEqual(2);
  },
  120_000,
);

test.skipIf(missing.length > 0)(
  "with the leader killed, the other replica leads, and acts by itself on a broker that its probe finds gone",
  async () => {
    const leader = await leading(servers);
    const other = servers.find((server) => server !== leader);
    if (leader === undefined || other === undefined) throw new TypeError("one of the two leads");
    await leader.stop("SIGKILL");
    await until("the other one leads", 10_000, async () => (await status(other)).state === "leading");
    // By the file alone, which is read anew.
    startBroker = { ...startBroker, cooldownSeconds: 1 };
    await allow([{ probe: "broker", forSeconds: 1, action: "start-broker" }]);
    await until("the rules are read", 10_000, async () => (await status(other)).preview[0]?.cause === "probe broker");

    await broker.kill();
    const killedAt = Date.now();
    await until("the action is begun", 20_000, async () => (await broker.starts()).length === 2);
    const [, startedAt = 0] = await broker.starts();
    const begun = (await audit(other)).find(({ phase, actor }) => phase === "started" && actor === "probe");
    say(`broker killed → probe's action: ${startedAt - killedAt} ms (bar: under 5,000 ms)`);
    await until("it has helped", 60_000, async () =>
      (await audit(other)).some(({ decisionId, result }) => decisionId === begun?.decisionId && result === "executed"),
    );
    expect(begun).toMatchObject({ cause: "probe broker", replica: expect.stringContaining(new URL(other.url).port) });
    expect(await broker.starts()).toHaveLength(2);
  },
  90_000,
);
