/**
 * The ops page and its stream on the in-process log, in a process of its own: what makes the events is not what is measured.
 * Prints its address; publishes as many events a second as the line says that it is sent.
 */
import { startOpsServer, type TestEvent } from "../../test/browser/fixture.ts";

const TYPES = ["JobCreated", "JobUpdated", "JobStatusChanged", "AccountUpdated", "ContactCreated", "ContactDeleted"];
const STATES = ["Open", "In progress", "Done", undefined];
const TENANTS = Array.from({ length: 8 }, () => crypto.randomUUID());
/** Milliseconds between two handfuls of events. */
const TURN_MS = 10;

let made = 0;
const event = (): TestEvent => {
  const n = made++;
  return {
    type: TYPES[n % TYPES.length] ?? "JobCreated",
    title: `Replace the compressor of rooftop unit ${n}, second floor, north wing`,
    status: STATES[n % STATES.length],
    tenantId: TENANTS[n % TENANTS.length] ?? "",
  };
};

const server = await startOpsServer(Array.from({ length: 500 }, event));
let perSecond = 0;
let due = 0;
let before = performance.now();
setInterval(async () => {
  const now = performance.now();
  due += ((now - before) / 1_000) * perSecond;
  before = now;
  const count = Math.floor(due);
  due -= count;
  if (count > 0) await server.publishAll(Array.from({ length: count }, event));
}, TURN_MS);
process.stdout.write(`${server.url}\n`);
for await (const line of console) {
  perSecond = Number(line);
  due = 0;
}
await server.stop();
process.exit(0);
