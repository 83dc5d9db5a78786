/**
 * The server as `serve` starts it, but that its parts count nothing: the yardstick of what counting costs. What is only read
 * when somebody asks (the pool, autoheal's) is there as it is.
 */
import { Registry } from "prom-client";
import { realAmbient } from "../../src/ambient.ts";
import { App } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/metrics/logger.ts";

const config = readConfig();
const logger = createLogger(config.LOG_LEVEL, config.LOG_FORMAT);
const app = new App(config, logger, realAmbient, {}, { registry: new Registry() });
process.once("SIGTERM", async () => {
  await app.stop();
  process.exit(0);
});
await app.start();
logger.info({ url: app.url }, "ready");
