/** The yardstick of the drain: as many of the same records handed to our producer, 1,000 at a time, and nothing else. */
import pino from "pino";
import { readConfig } from "../../src/config.ts";
import { openLog } from "../../src/log/open.ts";
import { type OutboxRow, toRecord } from "../../src/outbox/record.ts";
import { TENANT } from "./outbox.ts";

const events = Number(Bun.argv[2]);
const log = await openLog(readConfig(process.env), pino({ level: "silent" }), async () => {});
await log.start();
const row: OutboxRow = {
  id: "1",
  event_id: crypto.randomUUID(),
  tenant_id: TENANT,
  type: "JobUpdated",
  aggregate_type: "Job",
  aggregate_id: crypto.randomUUID(),
  payload: "x".repeat(470),
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  occurred_at: new Date(),
  retry_count: 0,
};
const records = Array.from({ length: 1_000 }, (_, n) => toRecord({ ...row, aggregate_id: `key-${n % 100}` }));
await log.publish(records);
const began = performance.now();
for (let sent = 0; sent < events; sent += records.length) await log.publish(records);
process.stdout.write(JSON.stringify({ perSecond: (events / (performance.now() - began)) * 1_000 }));
await log.stop();
