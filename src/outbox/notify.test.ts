import { afterAll, beforeAll, expect, test } from "bun:test";
import pino from "pino";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { openSession } from "../db/session.ts";
import { CHANNEL, CommitNotifier } from "./notify.ts";
import { append, until, WatchedLog } from "./outbox.fixture.ts";
import { Relay } from "./relay.ts";

const logger = pino({ level: "silent" });
let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

test("a commit at another server wakes the leader, without waiting for its poll", async () => {
  const log = new WatchedLog();
  const relay = new Relay({
    openSession: (events) => openSession(db.url, "aetherlink_relay", events),
    log,
    logger,
    batch: 100,
    pollMs: 600_000,
  });
  const notifier = new CommitNotifier(db.sql, logger);
  relay.start();
  await until(() => relay.state === "leading");
  for (let n = 0; n < 5; n++) {
    await append(db.sql, [n]);
    notifier.notify();
    await until(() => log.published.length === n + 1);
  }
  await notifier.stop();
  await relay.stop();
});

test("under load one notification speaks for many commits, and the last commit is spoken for", async () => {
  let notifications = 0;
  const session = await openSession(db.url, "aetherlink_relay", { onLost() {}, onNotification: () => notifications++ });
  await session.sql.unsafe(`listen ${CHANNEL}`);
  const notifier = new CommitNotifier(db.sql, logger);
  for (let commit = 0; commit < 1_000; commit++) notifier.notify();
  await until(() => notifications > 0);
  const before = notifications;
  notifier.notify();
  await until(() => notifications > before);
  await notifier.stop();
  expect(notifications).toBeLessThan(10);
  notifier.notify();
  await session.close();
});

test("a database that is away does no harm", async () => {
  const broken = await testDatabase();
  const notifier = new CommitNotifier(broken.sql, logger);
  await broken.sql.end();
  notifier.notify();
  await notifier.stop();
  await broken.drop();
});
