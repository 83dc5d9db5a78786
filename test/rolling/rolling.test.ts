/** Two replicas behind a real nginx are restarted one after the other under load. The whole form is bench/questions/rolling.ts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { testBrokers } from "../support/brokers.ts";
import { nginxPath } from "../support/nginx.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { rollingRestart } from "./run.ts";

describe.skipIf(testBrokers() === undefined || nginxPath() === undefined)("a rolling restart behind nginx", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db.drop());

  test("fails no write, on connections that are kept as on new ones, and no stream misses or repeats an event", async () => {
    const result = await rollingRestart({
      env: { DATABASE_URL: db.url, KAFKA_BROKERS: testBrokers() ?? "", KAFKA_TOPIC: `rolling-${crypto.randomUUID()}` },
      rate: 200,
      streams: 40,
      aroundMs: 500,
    });
    const { failures, faults, writes, seen, reconnects, complaints } = result;
    expect({ failures, faults, complaints: failures.length > 0 ? complaints : "" }).toEqual({
      failures: [],
      faults: [],
      complaints: "",
    });
    expect(writes).toBeGreaterThan(400);
    expect(new Set(seen)).toEqual(new Set([writes]));
    // Each stream was with one of them at least once when that one stopped.
    expect(Math.min(...reconnects)).toBeGreaterThanOrEqual(1);
  }, 90_000);
});
