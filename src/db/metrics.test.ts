import { afterAll, beforeAll, expect, test } from "bun:test";
import pino from "pino";
import { Registry } from "prom-client";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { until } from "../../test/support/wait.ts";
import { watchPool } from "./metrics.ts";
import { createPool } from "./pool.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

test("connections are told as busy or idle, and what waits for one as waiting", async () => {
  const sql = createPool(db.url, 2, pino({ level: "silent" }));
  const registry = new Registry();
  watchPool(registry, sql);
  const state = async () =>
    Object.fromEntries(
      [
        ...(await registry.metrics()).matchAll(/^(?:db_pool_connections\{state="(\w+)"\}|db_pool_(waiting)) (\d+)$/gm),
      ].map(([, connections, waiting, value]) => [connections ?? waiting ?? "", Number(value)]),
    );
  expect(await state()).toEqual({ busy: 0, idle: 0, waiting: 0 });

  // Both connections in a transaction, and five statements behind them.
  const gate = Promise.withResolvers<void>();
  const entered = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const transactions = entered.map((inside) =>
    sql.begin(async (tx) => {
      await tx`select 1`;
      inside.resolve();
      await gate.promise;
    }),
  );
  await Promise.all(entered.map(({ promise }) => promise));
  const waiting = Array.from({ length: 5 }, () => sql`select 1`.execute());
  await until("five statements wait", 5_000, async () => (await state()).waiting === 5);
  expect(await state()).toEqual({ busy: 2, idle: 0, waiting: 5 });

  gate.resolve();
  await Promise.all([...transactions, ...waiting]);
  await until("both are idle", 5_000, async () => (await state()).idle === 2);
  expect(await state()).toEqual({ busy: 0, idle: 2, waiting: 0 });

  // Behind a statement on a connection that takes more: the driver sends them at once, and they wait in the server.
  const asleep = Array.from({ length: 2 }, () => sql`select pg_sleep(0.3)`.execute());
  const behind = Array.from({ length: 4 }, () => sql`select 1`.execute());
  await until("four statements wait", 5_000, async () => (await state()).waiting === 4);
  expect(await state()).toMatchObject({ busy: 2, idle: 0 });
  await Promise.all([...asleep, ...behind]);

  await sql.end();
  expect(await state()).toEqual({ busy: 0, idle: 0, waiting: 0 });
});
