import { afterAll, beforeAll, expect, test } from "bun:test";
import { Registry } from "prom-client";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { ask, type TestRoutes, testRoutes } from "../../test/support/routes.ts";
import { IdempotencyMetrics } from "./metrics.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
const registry = new Registry();
let db: TestDatabase;
let routes: TestRoutes;
beforeAll(async () => {
  db = await testDatabase();
  routes = await testRoutes(db.url, { keyed: new IdempotencyMetrics(registry).written });
});
afterAll(async () => {
  await routes.stop();
  await db.drop();
});

const counts = async () =>
  Object.fromEntries(
    [...(await registry.metrics()).matchAll(/^idempotency_requests_total\{result="(\w+)"\} (\d+)$/gm)].map(
      ([, result, value]) => [result, Number(value)],
    ),
  );
const post = (path: string, key: string | undefined, body: unknown) =>
  ask(routes.app, TENANT, `POST ${path}`, { body, headers: key === undefined ? {} : { "Idempotency-Key": key } });

test("writes with a key are counted by what became of them, those without are not", async () => {
  expect(await counts()).toEqual({ first: 0, replayed: 0, in_progress: 0, mismatch: 0 });
  for (const path of ["/api/crm/jobs", "/api/crm/accounts"]) {
    const body = path.endsWith("jobs") ? { title: "one" } : { name: "one" };
    expect((await post(path, undefined, body)).status).toBe(201);
    expect((await post(path, `key ${path}`, body)).status).toBe(400);
    expect((await post(path, `key-${path}`, body)).status).toBe(201);
    expect((await post(path, `key-${path}`, body)).status).toBe(201);
    expect((await post(path, `key-${path}`, path.endsWith("jobs") ? { title: "two" } : { name: "two" })).status).toBe(
      422,
    );
  }
  expect(await counts()).toEqual({ first: 2, replayed: 2, in_progress: 0, mismatch: 2 });

  // Somebody else works on the key: the lock that begin_write.sql takes.
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const other = db.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended(${`${TENANT}:busy`}, 0))`;
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  const busy = await post("/api/crm/jobs", "busy", { title: "one" });
  held.resolve();
  await other;
  expect(busy.status).toBe(409);
  expect(await counts()).toEqual({ first: 2, replayed: 2, in_progress: 1, mismatch: 2 });
});
