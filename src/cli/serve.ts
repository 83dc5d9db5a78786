import { version } from "../../package.json";
import { realAmbient } from "../ambient.ts";
import { App, StoppedError } from "../app.ts";
import { readConfig } from "../config.ts";
import { createLogger, flushed } from "../metrics/logger.ts";
import { type Context, defineCommand } from "./command.ts";
import { Exit, type ExitCode } from "./exit.ts";
import { refusal } from "./output.ts";
import { ServiceManager } from "./systemd.ts";

/** Milliseconds in which a second signal is the same Ctrl-C: it reaches the process group, and `bun run` passes it on as well. */
const SAME_KEYSTROKE_MS = 500;
/** Milliseconds between looks at whether the parent process is still there. */
const PARENT_POLL_MS = 200;
/** Milliseconds after the shutdown's own time at which the process ends whatever still hangs. */
const KILL_MARGIN_MS = 500;

/** `aetherlink serve`: the server. Resolves when it was told to stop. */
export const serve = defineCommand({
  name: "serve",
  summary: "start the server (the default)",
  options: {
    "with-parent": {
      type: "boolean",
      help: "stop when the process that started the server is gone, as bun run dev needs it",
    },
  },
  examples: [
    ["serve", "on http://localhost:9010, with the PostgreSQL and the event log that are embedded"],
    [
      "serve  # with DATABASE_URL=postgres://… KAFKA_BROKERS=kafka-1:9092,kafka-2:9092",
      "one of several servers in production",
    ],
  ],
  environment: "all",
  run: (values, _, context) => serveUntilTold(values["with-parent"] === true, context),
});

/**
 * Starts the server and stops it on SIGINT, SIGTERM or SIGHUP; a second signal ends the process at once.
 * @param withParent stop as well when the parent is gone: kill -9 of `bun run dev` would leave the server on its port
 */
async function serveUntilTold(withParent: boolean, { out, err, onRefused, packed }: Context): Promise<ExitCode> {
  const config = readConfig();
  let isRefused = false;
  // A full disk or a reader that left takes the log; it must take neither the server nor the embedded PostgreSQL's stop.
  const refused = (error: Error) => {
    if (!isRefused) err(`aetherlink: ${refusal(error)}; the server goes on\n`);
    isRefused = true;
  };
  onRefused?.(refused);
  const logger = createLogger(config.LOG_LEVEL, config.LOG_FORMAT, refused);
  const app = new App(config, logger, realAmbient, packed);
  const systemd = new ServiceManager();
  const asked = Promise.withResolvers<void>();
  let stoppingSince: number | undefined;
  const stop = (reason: string) => {
    if (stoppingSince === undefined) {
      stoppingSince = performance.now();
      logger.info({ reason }, "stopping");
      systemd.stopping();
      asked.resolve();
    } else if (performance.now() - stoppingSince > SAME_KEYSTROKE_MS) process.exit(Exit.failed);
  };
  const onSignal = (signal: NodeJS.Signals) => stop(signal);
  if (withParent) onParentGone(() => stop("the parent process is gone"));
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // The terminal was closed.
  process.on("SIGHUP", onSignal);

  const began = performance.now();
  // A signal while starting stops what has been started so far.
  const started = app.start().catch((error: unknown) => {
    if (!(error instanceof StoppedError) && stoppingSince === undefined) throw error;
  });
  await Promise.race([started, asked.promise]);
  if (stoppingSince === undefined) {
    logger.info({ url: app.url, ms: Math.round(performance.now() - began) }, "ready");
    systemd.ready(app.url);
    if (config.LOG_FORMAT !== "json") out(banner(app.url));
    await asked.promise;
  }
  setTimeout(
    () => process.exit(Exit.failed),
    config.SHUTDOWN_DELAY_MS + config.SHUTDOWN_TIMEOUT_MS + KILL_MARGIN_MS,
  ).unref();
  await app.stop();
  await started;
  systemd.stop();
  logger.info("stopped");
  await flushed(logger);
  return Exit.ok;
}

function onParentGone(told: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    told();
  }, PARENT_POLL_MS);
}

function banner(url: string): string {
  return `
  AetherLink ${version} is ready.

  Page     ${url}/ops/crm-events
  Health   ${url}/
  Stream   ${url}/crm-events

  Send a first event:

  curl -X POST ${url}/api/crm/jobs -H 'Content-Type: application/json' -H 'Idempotency-Key: test-key-123' \\
    -H 'X-Tenant-Id: 12345678-1234-1234-1234-123456789012' -d '{"title": "Test Job", "status": "Open"}'

`;
}
