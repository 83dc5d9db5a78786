/** The relay alone publishes as many events as its argument says; prints how fast and what it used. */
import pino from "pino";
import { readConfig } from "../../src/config.ts";
import { openSession } from "../../src/db/session.ts";
import { openLog } from "../../src/log/open.ts";
import { Relay } from "../../src/outbox/index.ts";
import { memoryMb } from "../harness/proc.ts";

const events = Number(Bun.argv[2]);
const config = readConfig(process.env);
const silent = pino({ level: "silent" });
const log = await openLog(config, silent, async () => {});
await log.start();
let published = 0;
const done = Promise.withResolvers<void>();
const relay = new Relay({
  openSession: (handlers) => openSession(config.DATABASE_URL ?? "", "aetherlink_relay", handlers),
  log,
  logger: silent,
  batch: config.OUTBOX_BATCH,
  pollMs: 1_000,
  settled: (settlement) => {
    published += settlement.published.length;
    if (published >= events) done.resolve();
  },
});
const before = process.cpuUsage();
const began = performance.now();
relay.start();
await done.promise;
const seconds = (performance.now() - began) / 1_000;
const { user, system } = process.cpuUsage(before);
await relay.stop();
const cpu = (user + system) / 1e6;
process.stdout.write(
  JSON.stringify({
    perSecond: events / seconds,
    peakMb: memoryMb(process.pid).peak,
    cores: cpu / seconds,
    cpuMicros: (cpu * 1e6) / events,
  }),
);
await log.stop();
