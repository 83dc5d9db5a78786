/** A program that logs two lines and nothing more: a long one, which a pipe takes only as it is read, and a short one behind it. */
import { createLogger } from "./logger.ts";

const logger = createLogger("info", "json");
logger.info({ filler: "x".repeat(500_000) }, "long");
// Later than the first write begins, earlier than it ends.
setTimeout(() => logger.info("short"), 30);
// Alive until it is killed, as a server is.
setInterval(() => {}, 60_000);
