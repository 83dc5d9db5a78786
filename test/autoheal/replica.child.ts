/** A replica's autoheal as a process of its own, without the rest of the server: `bun replica.child.ts URL FILE NAME`. */
import pino from "pino";
import { Registry } from "prom-client";
import { realAmbient } from "../../src/ambient.ts";
import { Autoheal } from "../../src/autoheal/index.ts";
import { createPool } from "../../src/db/pool.ts";
import { openSession } from "../../src/db/session.ts";

const [url = "", file = "", replica = ""] = Bun.argv.slice(2);
const logger = pino({ level: "silent" });
const sql = createPool(url, 2, logger);
const autoheal = new Autoheal({
  openSession: (events) => openSession(url, "aetherlink_relay", events, `autoheal-${replica}`),
  sql,
  logger,
  ambient: realAmbient,
  registry: new Registry(),
  parts: {
    sql,
    log: { topic: "t", watermarks: async () => [] },
    relay: { state: "leading", restart: async () => true },
    hub: { head: new Map(), isCaughtUp: true, restartReader() {} },
  },
  file,
  replica,
  turnMs: 50,
  beatMs: 100,
  leaseMs: 1_000,
});
await autoheal.start();
process.on("SIGTERM", async () => {
  await autoheal.stop();
  await sql.end({ timeout: 1 });
  process.exit(0);
});
