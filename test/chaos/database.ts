import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { createCluster, readPassword } from "../../src/db/embedded/cluster.ts";
import { type Placement, place } from "../../src/db/embedded/placement.ts";
import { serversOf, signalServer } from "../../src/db/embedded/processes.ts";
import { CHILD_ENV, identity } from "../../src/db/embedded/run.ts";
import { findServerFiles, programPath } from "../../src/db/embedded/server-files.ts";
import { freePort, makeBelow } from "../support/folder.ts";
import { until } from "../support/wait.ts";
import { Shim } from "./shim.ts";
import type { CommittedEvent } from "./verdict.ts";

/**
 * A process that is killed has written its log to the system, which is enough without a power cut; so fsync is off, but a
 * COMMIT still waits for that write, as in production.
 */
const SETTINGS = ["fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=64MB"];
const MORE = ["max_connections=100", "io_method=sync", "max_wal_size=256MB", "log_min_messages=warning"];

/** A real PostgreSQL with its own data and a port that stays, so that it can be restarted, filled, and told another time. */
export class Database {
  readonly url: string;
  readonly shim: Shim;
  /** The suite's own eyes; it reconnects by itself. */
  readonly sql: postgres.Sql;
  readonly #placement: Placement;
  readonly #port: number;
  readonly #log: string;
  #child: Bun.Subprocess | undefined;

  private constructor(placement: Placement, port: number, password: string, shim: Shim, log: string) {
    this.#placement = placement;
    this.#port = port;
    this.#log = log;
    this.shim = shim;
    this.url = `postgres://aetherlink:${password}@127.0.0.1:${port}/aetherlink`;
    this.sql = postgres(this.url, {
      max: 2,
      onnotice: () => {},
      connection: { application_name: "chaos", default_transaction_read_only: false },
    });
  }

  static async start(folder: string, library: string): Promise<Database> {
    const files = findServerFiles();
    if (files === undefined) throw new Error("the embedded PostgreSQL of this platform is not installed");
    const data = await makeBelow(folder, "database");
    const placement = await place(data, files, () => {});
    const password = await readPassword(data);
    const made = { ...placement, data: await createCluster(placement, password) };
    const shim = new Shim(library, join(folder, "database.control"), made.data);
    const database = new Database(made, freePort(24_511), password, shim, join(data, "chaos.log"));
    await database.start();
    return database;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, and resolves when it takes statements. */
  async start(): Promise<void> {
    const { files, data, account } = this.#placement;
    const log = openSync(this.#log, "a");
    const options = [...SETTINGS, ...MORE].flatMap((setting) => ["-c", setting]);
    this.#child = Bun.spawn([programPath(files, "postgres"), "-D", data, "-p", String(this.#port), ...options], {
      cwd: "/",
      env: { ...CHILD_ENV, ...this.shim.env },
      stdio: ["ignore", log, log],
      detached: true,
      ...identity(account),
    });
    closeSync(log);
    await until("PostgreSQL answers", 60_000, async () => (await this.sql`select 1`).length === 1);
  }

  /** As `pg_ctl stop -m immediate`: no process of it gets to say goodbye. */
  async stopImmediately(): Promise<void> {
    this.#child?.kill("SIGQUIT");
    await this.#child?.exited;
    await until("PostgreSQL is gone", 20_000, async () => (await serversOf(this.#placement.data)).length === 0);
  }

  /** Ends every connection but the suite's own. */
  async terminateBackends(): Promise<number> {
    const ended = await this.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where backend_type = 'client backend' and application_name <> 'chaos'`;
    return ended.length;
  }

  /** The backend of the session that holds the relay's lock (src/outbox/lock.ts: "AERL" in ASCII), or undefined. */
  async leaderBackend(): Promise<number | undefined> {
    const [row] = await this.sql<{ pid: number }[]>`
      select pid from pg_locks where locktype = 'advisory' and granted and classid = 0 and objid = ${0x41_45_52_4c}::oid`;
    return row?.pid;
  }

  /** What happened to a database on a disk that a monitor set to read only; existing connections see it as well. */
  async setReadOnly(isReadOnly: boolean): Promise<void> {
    if (isReadOnly) await this.sql`alter system set default_transaction_read_only = on`;
    else await this.sql`alter system reset default_transaction_read_only`;
    await this.sql`select pg_reload_conf()`;
  }

  /** Events of a tenant, or all of them. */
  async committed(tenantId?: string): Promise<CommittedEvent[]> {
    return [
      ...(await this.sql<CommittedEvent[]>`
        select event_id as "eventId", tenant_id as "tenantId", aggregate_id as "aggregateId", type,
          (payload ->> 'version')::int as version, discarded_at is not null as discarded
        from outbox_events where tenant_id = coalesce(${tenantId ?? null}::uuid, tenant_id) order by id`),
    ];
  }

  /** Events that are still to be published, of a tenant or of all. */
  async backlog(tenantId?: string): Promise<number> {
    const [row] = await this.sql<{ n: number }[]>`
      select count(*)::int as n from outbox_events where published_at is null and discarded_at is null
        and tenant_id = coalesce(${tenantId ?? null}::uuid, tenant_id)`;
    return row?.n ?? 0;
  }

  /** Rows that cannot be the work of whole transactions: a job without its event, an event ahead of its job, a stored answer without a change. */
  async halfDone(): Promise<string[]> {
    const rows = await this.sql<{ what: string }[]>`
      with last as (
        select tenant_id, aggregate_id, max((payload ->> 'version')::int) as version, bool_or(type = 'JobDeleted') as deleted,
          count(*) filter (where type <> 'JobStatusChanged') as changes
        from outbox_events where aggregate_type = 'Job' group by 1, 2
      )
      select 'job ' || coalesce(j.id, l.aggregate_id) || ': version ' || coalesce(j.version::text, 'none') || ', its events say ' ||
        coalesce(l.version::text, 'none') || ' by ' || coalesce(l.changes::text, 'no') || ' changes' as what
      from jobs j full join last l on l.tenant_id = j.tenant_id and l.aggregate_id = j.id
      where l.aggregate_id is null or (j.id is null and not l.deleted) or (j.id is not null and l.deleted)
        or j.version <> l.version or l.changes <> l.version`;
    const [keys] = await this.sql<{ stored: number; changes: number }[]>`
      select (select count(*)::int from idempotency_keys where status_code < 300) as stored,
        (select count(*)::int from outbox_events where type <> 'JobStatusChanged') as changes`;
    const what = rows.map((row) => row.what);
    if (keys?.stored !== keys?.changes) what.push(`${keys?.stored} stored answers, ${keys?.changes} changes`);
    return what;
  }

  /** Lines of its log with this text, so far. */
  async complaints(text: string): Promise<number> {
    return (await Bun.file(this.#log).text()).split("\n").filter((line) => line.includes(text)).length;
  }

  async stop(): Promise<void> {
    await this.sql.end({ timeout: 0 });
    for (const pid of await serversOf(this.#placement.data)) signalServer(pid, "SIGCONT");
    await this.stopImmediately();
    this.shim.close();
  }
}
