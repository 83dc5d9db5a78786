import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import pino from "pino";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import { addressOf } from "./address.ts";
import { createPool, DatabaseError, isUnavailable, probe } from "./pool.ts";
import { openSession } from "./session.ts";

const logger = pino({ level: "silent" });
let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

describe("the pool", () => {
  // porsager/postgres#1066, #1154, #1208: without our patch the first terminated transaction ends this very process.
  test("survives backends that are terminated in the middle of transactions, and serves again", async () => {
    const sql = createPool(db.url, 8, logger);
    let [committed, interrupted] = [0, 0];
    let isOver = false;
    const unexpected: unknown[] = [];
    const worker = async () => {
      while (!isOver) {
        try {
          await sql.begin(async (tx) => {
            const pid = async (n: number) => {
              const [row] = await tx<
                { pid: number }[]
              >`select pg_backend_pid() as pid, ${n}::int as n, pg_sleep(0.001)`;
              return row?.pid;
            };
            const pids = new Set([await pid(1), ...(await Promise.all([pid(2), pid(3), pid(4)]))]);
            // A lost transaction must not go on in the session of another one, which may be another tenant's.
            if (pids.size > 1) unexpected.push([...pids]);
          });
          committed++;
        } catch (error) {
          if (isUnavailable(error)) interrupted++;
          else unexpected.push(error);
        }
      }
    };
    const workers = Array.from({ length: 8 }, worker);
    for (let kills = 0; kills < 40; kills++) {
      const before = committed;
      await db.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'aetherlink'`;
      while (committed < before + 5) await new Promise((resolve) => setImmediate(resolve));
    }
    isOver = true;
    await Promise.all(workers);
    await sql.end();
    expect(unexpected).toEqual([]);
    expect(interrupted).toBeGreaterThan(0);
  }, 30_000);

  // Without our patch postgres.js 3.4.9 never resolves this when fetch_types is false.
  test("reserves a connection that has to be opened first", async () => {
    const sql = createPool(db.url, 1, logger);
    const reserved = await sql.reserve();
    expect(await reserved`select 1 as one`).toMatchObject([{ one: 1 }]);
    reserved.release();
    await sql.end();
  });

  test.each([
    ["postgres://nobody:s3cret@127.0.0.1:1/nowhere", "127.0.0.1:1/nowhere"],
    ["postgres://nobody:s3cret@no-such-host.invalid/nowhere", "no-such-host.invalid:5432/nowhere"],
  ])("probing %p fails with one line that says where, without the password", async (url, where) => {
    const sql = createPool(url, 1, logger);
    const failure = await probe(sql).catch((error: unknown) => error);
    await sql.end();
    if (!(failure instanceof DatabaseError)) throw new Error("it did not fail as it should");
    expect(failure.message).toContain(where);
    expect(failure.message).not.toContain("s3cret");
    expect(failure.message).not.toContain("\n");
  });

  test("an IPv6 address is handed to the driver without its brackets, and nothing else is", () => {
    expect(addressOf("postgres://crm:x@[::1]:5433/crm")).toEqual({ host: ["::1"], port: [5433] });
    expect(addressOf("postgres://crm:x@[2001:db8::7]/crm")).toEqual({ host: ["2001:db8::7"], port: [5432] });
    expect(addressOf("postgres://crm:x@db:5433/crm")).toEqual({});
  });

  const loopbacks = Object.values(networkInterfaces()).flat();
  test.skipIf(loopbacks.every((each) => each?.address !== "::1"))(
    "a server at [::1] is reached, by the pool and by a session, and named in brackets where it is away",
    async () => {
      const proxy = new TcpProxy(db.url, "[::1]");
      const sql = createPool(proxy.url, 1, logger);
      await probe(sql);
      const session = await openSession(proxy.url, "aetherlink_relay", { onLost() {}, onNotification() {} });
      expect(await session.sql`select current_user as me`).toMatchObject([{ me: "aetherlink_relay" }]);
      await Promise.all([session.close(), sql.end()]);
      proxy.stop();
      const again = createPool(proxy.url, 1, logger);
      await expect(probe(again)).rejects.toThrow(`at [::1]:${new URL(proxy.url).port}/`);
      await again.end();
    },
  );

  test("a wrong password is told as such", async () => {
    const url = new URL(db.url);
    url.password = "wrong";
    const sql = createPool(url.href, 1, logger);
    await expect(probe(sql)).rejects.toThrow("password authentication failed");
    await sql.end();
  });
});
