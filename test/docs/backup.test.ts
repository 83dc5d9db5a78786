/** The commands of 'Backup and restore' in docs/operations.md, one after the other, on two PostgreSQL servers of the system. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../../docs/tools/blocks.ts";
import { makeFolder, removeFolder } from "../support/folder.ts";
import { RunningServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { examplesOf } from "./examples.ts";
import { Shell } from "./shell.ts";
import { Cluster, postgresPrograms } from "./system-postgres.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
const programs = postgresPrograms();
const inCi = process.env.CI === "true";
if (programs === undefined && inCi) throw new Error("PostgreSQL's own programs are missing: .ci/run installs them");

describe.skipIf(programs === undefined)(
  `backup and restore${programs === undefined ? " (no pg_dump here)" : ""}`,
  () => {
    let folder: string;
    let first: Cluster;
    let second: Cluster;
    let shell: Shell;
    let postgres: Shell;
    let blocks: string[];

    beforeAll(async () => {
      folder = await makeFolder();
      await mkdir(join(folder, "archive"));
      const archive = { archive_mode: "on", archive_command: `cp %p ${folder}/archive/%f`, wal_level: "replica" };
      // One after the other, so that each has a port of its own.
      first = await Cluster.start(programs ?? "", folder, "db-1", archive);
      second = await Cluster.start(programs ?? "", folder, "db-2", {});
      await first.sql`create role crm login createrole`;
      await first.sql`create database crm owner crm`;
      const page = await Bun.file(join(ROOT, "docs/operations.md")).text();
      const [, section = ""] = /\n## Backup and restore\n([\s\S]*?)\n## /.exec(page) ?? [];
      blocks = examplesOf(section).map(({ code }) => code);
      shell = new Shell({ cwd: folder, path: programs });
      await shell.run(`aetherlink() { (cd '${ROOT}' && '${process.execPath}' src/main.ts "$@"); }`);
      postgres = new Shell({ cwd: folder, path: programs, as: first.account });
    });
    afterAll(async () => {
      await shell?.end();
      await postgres?.end();
      await Promise.all([first?.stop(), second?.stop()]);
      removeFolder(folder);
    });

    /** Names of the page as they are here. */
    const here = (text: string) =>
      text
        .replaceAll("db-1:5432", `127.0.0.1:${first.port}`)
        .replaceAll("db-2:5432", `127.0.0.1:${second.port}`)
        .replaceAll("/archive", `${folder}/archive`)
        .replaceAll("/restored", `${folder}/restored`);

    /** The block of the page that has this in it. */
    const block = (part: string) => {
      const found = blocks.find((text) => text.includes(part));
      if (found === undefined) throw new Error(`the page has no command with ${part}`);
      return here(found);
    };
    const run = async (code: string, as = shell) => {
      const output = await as.run(`{ ${code}\n} 2>&1; echo "exit code $?"`);
      return { output, ok: output.trimEnd().endsWith("exit code 0") };
    };

    /** Serves on a database for as long as `work` takes. */
    async function serving(url: string, work: (server: RunningServer) => Promise<void>): Promise<void> {
      const server = await new RunningServer({ env: { DATABASE_URL: url, KAFKA_BROKERS: "" } }).ready();
      try {
        await work(server);
      } finally {
        await server.stop();
      }
    }
    const post = async (server: RunningServer, title: string) => {
      const headers = { "X-Tenant-Id": TENANT, "Content-Type": "application/json", "Idempotency-Key": title };
      const response = await fetch(`${server.url}/api/crm/jobs`, {
        method: "POST",
        body: JSON.stringify({ title }),
        headers,
      });
      return { status: response.status, isReplay: response.headers.has("Idempotent-Replayed") };
    };
    const titles = async (cluster: Cluster) =>
      (await cluster.database`select title from jobs order by title`).map((row) => row.title);

    test("a dump of one server, restored on another, is served there as it was, keys included", async () => {
      await serving(first.url("crm"), async (server) => {
        expect(await post(server, "before")).toEqual({ status: 201, isReplay: false });
      });
      expect(await run(block("pg_dump"))).toMatchObject({ ok: true });
      const restored = await run(block("pg_restore"));
      expect(restored).toMatchObject({ ok: true, output: expect.stringContaining("up to date\n") });
      expect(await titles(second)).toEqual(["before"]);
      await serving(second.url("crm"), async (server) => {
        expect(await post(server, "before")).toEqual({ status: 201, isReplay: true });
        expect(await post(server, "after")).toEqual({ status: 201, isReplay: false });
      });
    });

    test("by a role that row-level security holds it is an error, as the page says", async () => {
      const refused = await run(block("pg_dump").replace("postgres@", "crm@"));
      expect(refused).toMatchObject({ ok: false, output: expect.stringContaining("row-level security") });
    });

    test("a base backup and the log kept since give the database as it was at a moment", async () => {
      expect(await run(block("pg_basebackup"), postgres)).toMatchObject({ ok: true });
      let moment = "";
      await serving(first.url("crm"), async (server) => {
        await post(server, "kept");
        const [row] = await first.sql<{ now: string }[]>`select clock_timestamp()::text as now`;
        moment = row?.now ?? "";
        await post(server, "too late");
      });
      // What the archive has not got yet: the segment under way.
      await first.sql`select pg_switch_wal()`;
      await until("the log is in the archive", 10_000, async () => {
        const [row] = await first.sql<{ done: boolean }[]>`
        select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) as done from pg_stat_archiver`;
        return row?.done === true;
      });
      // The copy has the first server's port in its settings.
      await first.halt();
      const recover = block("recovery_target_time").replace("2027-03-01 09:00:00+00", moment);
      expect(await run(`${recover} > start.log`, postgres)).toMatchObject({ ok: true });
      await until("it takes writes", 20_000, async () => {
        const [row] = await first.sql<{ waits: boolean }[]>`select pg_is_in_recovery() as waits`;
        return row?.waits === false;
      });
      expect(await titles(first)).toEqual(["before", "kept"]);
      await run(`pg_ctl --pgdata='${folder}/restored' --wait --mode=fast stop`, postgres);
    });

    test("events that the log lost are published again from the outbox, with the ids that they had", async () => {
      const events = () => second.database`select event_id, published_at from outbox_events order by id`;
      const was = await events();
      expect(was).toHaveLength(2);
      const again = block("aetherlink_relay' -c \"").replace("2027-03-01 09:00:00+00", "2020-01-01");
      expect(await run(again)).toMatchObject({ ok: true, output: expect.stringContaining("UPDATE 2") });
      await serving(second.url("crm"), async (server) => {
        const stream = await server.stream("?from=earliest");
        await stream.until(({ frames }) => frames.length === was.length);
        await stream.close();
        const ids = stream.frames.map(({ value }) => String(value.eventId));
        expect(ids.toSorted()).toEqual(was.map((row) => String(row.event_id)).toSorted());
      });
      expect((await events()).every((row) => row.published_at !== null)).toBe(true);
    });
  },
);
