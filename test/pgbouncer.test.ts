/** The server behind a real PgBouncer in transaction mode: what works there, and what it says where it cannot. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { findPooling } from "../src/db/pooler.ts";
import { doctor } from "./doctor/run.ts";
import { PgBouncer, pgbouncerPath } from "./support/pgbouncer.ts";
import { type TestDatabase, testDatabase } from "./support/postgres.ts";
import { RunningServer } from "./support/server.ts";

/** Server sessions of the pooler; the server under test has a pool of 12. */
const SESSIONS = 3;
const TENANTS = ["aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"] as const;

describe.skipIf(pgbouncerPath() === undefined)("behind PgBouncer", () => {
  let db: TestDatabase;
  let pooler: PgBouncer;
  let folder = "";

  beforeAll(async () => {
    db = await testDatabase();
    folder = await mkdtemp(join(tmpdir(), "aetherlink-pgbouncer-"));
    pooler = await PgBouncer.start({ url: db.url, mode: "transaction", size: SESSIONS });
  });
  afterAll(async () => {
    await pooler.stop();
    await db.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const env = (more: Record<string, string> = {}) => ({
    DATABASE_URL: pooler.url,
    DATABASE_POOL: "12",
    LOG_FORMAT: "json",
    ...more,
  });

  test("what a URL leads to is found out: a session of one's own or a shared one, and whether it keeps statements", async () => {
    const silent = pino({ level: "silent" });
    expect(await findPooling(db.url, silent)).toEqual({ sharesSessions: false, keepsStatements: true });
    // Debian's PgBouncer 1.18 does not keep track of prepared statements; from 1.21 on one can.
    expect(await findPooling(pooler.url, silent)).toMatchObject({ sharesSessions: true });
    const own = await PgBouncer.start({ url: db.url, mode: "session", size: SESSIONS });
    expect(await findPooling(own.url, silent)).toEqual({ sharesSessions: false, keepsStatements: true });
    await own.stop();
  });

  test("without DATABASE_SESSION_URL the server does not start, and says in one line what to set", async () => {
    const server = new RunningServer({ env: env() });
    expect(await server.exited()).not.toBe(0);
    expect(server.output).toContain("set DATABASE_SESSION_URL to the server itself");
    expect(server.output).not.toContain(new URL(db.url).password);
  });

  test("a DATABASE_SESSION_URL that leads through the pooler too, to another database, to none, or beside an embedded PostgreSQL, is refused in one line", async () => {
    const pooled = new RunningServer({ env: env({ DATABASE_SESSION_URL: pooler.url }) });
    expect(await pooled.exited()).toBe(1);
    expect(pooled.output).toContain("DATABASE_SESSION_URL: leads through a pooler");
    const other = await testDatabase();
    const astray = new RunningServer({ env: env({ DATABASE_SESSION_URL: other.url }) });
    expect(await astray.exited()).toBe(1);
    expect(astray.output).toContain("DATABASE_SESSION_URL: leads to another database than DATABASE_URL");
    await other.drop();
    const gone = new RunningServer({ env: env({ DATABASE_SESSION_URL: other.url }) });
    expect(await gone.exited()).toBe(1);
    expect(gone.output).toMatch(/^DATABASE_SESSION_URL: [^\n]*does not exist\n$/);
    const alone = new RunningServer({ env: { DATABASE_SESSION_URL: db.url, DATA_DIR: folder, LOG_FORMAT: "json" } });
    expect(await alone.exited()).toBe(1);
    expect(alone.output).toContain("DATABASE_SESSION_URL: is set and DATABASE_URL is not");
  });

  test("doctor says the same, and with DATABASE_SESSION_URL that all is well", async () => {
    const without = await doctor(folder, { DATABASE_URL: pooler.url });
    expect(without.failed).toEqual(["database"]);
    expect(without.of("database").todo).toBe("set DATABASE_SESSION_URL to the server itself");
    const both = await doctor(folder, { DATABASE_URL: pooler.url, DATABASE_SESSION_URL: db.url });
    expect(both.failed).toEqual([]);
    const wrong = await doctor(folder, { DATABASE_URL: pooler.url, DATABASE_SESSION_URL: pooler.url });
    expect(wrong.of("database").todo).toBe("let it lead to the server itself");
    const other = await testDatabase();
    const astray = await doctor(folder, { DATABASE_URL: pooler.url, DATABASE_SESSION_URL: other.url });
    expect(astray.of("database").todo).toBe("let both lead to the same one");
    await other.drop();
  });

  test("with it writes, replays, reads, tenants, relay and stream work, while requests share three sessions", async () => {
    const server = await new RunningServer({ env: env({ DATABASE_SESSION_URL: db.url }) }).ready();
    try {
      const { url } = server;
      const stream = await server.stream();
      const post = async (n: number) => {
        const headers = {
          "Content-Type": "application/json",
          "X-Tenant-Id": TENANTS[n % 2] ?? "",
          "Idempotency-Key": `key-${n}`,
        };
        const response = await fetch(`${url}/api/crm/jobs`, { method: "POST", headers, body: `{"title":"Job ${n}"}` });
        return {
          status: response.status,
          replayed: response.headers.get("Idempotent-Replayed"),
          text: await response.text(),
        };
      };
      const made = await Promise.all(Array.from({ length: 120 }, (_, n) => post(n)));
      expect(new Set(made.map(({ status }) => status))).toEqual(new Set([201]));
      const again = await Promise.all([0, 1, 2].map(post));
      expect(again.map(({ replayed, text }) => [replayed, text])).toEqual(
        made.slice(0, 3).map(({ text }) => ["true", text]),
      );

      // SET LOCAL holds a transaction to its tenant; on shared sessions one that leaked would show another's jobs.
      const mine = async (tenant: string) => {
        const answers = await Promise.all(
          Array.from({ length: 20 }, async () => {
            const response = await fetch(`${url}/api/crm/jobs?limit=100`, { headers: { "X-Tenant-Id": tenant } });
            return ((await response.json()) as { data: { id: string; tenantId: string }[] }).data;
          }),
        );
        return answers.map((jobs) => ({ count: jobs.length, tenants: [...new Set(jobs.map((job) => job.tenantId))] }));
      };
      const seen = await Promise.all(TENANTS.map(mine));
      for (const [i, answers] of seen.entries())
        for (const answer of answers) expect(answer).toEqual({ count: 60, tenants: [TENANTS[i] ?? ""] });

      const id = (JSON.parse(made[0]?.text ?? "") as { id: string }).id;
      const changed = await fetch(`${url}/api/crm/jobs/${id}`, {
        method: "PATCH",
        headers: { "Content-Type": "application/merge-patch+json", "X-Tenant-Id": TENANTS[0], "If-Match": '"v1"' },
        body: '{"status":"Scheduled"}',
      });
      expect(changed.status).toBe(200);

      // The relay leads by its own session: all of it is published, and woken by commits rather than by its poll.
      await stream.until((reader) => reader.frames.length >= 122);
      expect(new Set(stream.frames.map(({ value }) => value.eventId)).size).toBe(122);
      await stream.close();
      expect((await fetch(`${url}/healthz/ready`)).status).toBe(200);

      const pool = (await pooler.pools()).find(({ database }) => database !== "pgbouncer");
      expect(pool?.pool_mode).toBe("transaction");
      const [sessions] = await db.sql<{ shared: number; own: number }[]>`
        select count(*) filter (where application_name = 'aetherlink')::int as shared,
          count(*) filter (where application_name in ('aetherlink-relay', 'aetherlink-autoheal'))::int as own
        from pg_stat_activity where datname = current_database()`;
      expect(sessions?.shared).toBeLessThanOrEqual(SESSIONS);
      expect(sessions?.own).toBe(2);
    } finally {
      await server.stop();
    }
  });
});
