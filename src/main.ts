import { hostname, userInfo } from "node:os";
import { parseArgs } from "node:util";
import { version } from "../package.json";
import { App, StoppedError } from "./app.ts";
import { isUuid } from "./auth/identity.ts";
import { ConfigError, describeConfig, readConfig } from "./config.ts";
import { EmbeddedPostgresError } from "./db/embedded/index.ts";
import { MigrationError, migrate } from "./db/migrate.ts";
import { createPool, DatabaseError, probe, type Sql } from "./db/pool.ts";
import { ListenError } from "./http/server.ts";
import { describeLibrary, ConfigError as KafkaConfigError, LibraryNotFoundError } from "./kafka/index.ts";
import { configuredLibrary } from "./log/open.ts";
import { createLogger, flushed } from "./metrics/logger.ts";
import { outboxCommand, SecondLogError } from "./outbox/index.ts";

/** A command line that cannot be followed; the message is one readable line. */
class UsageError extends Error {
  override readonly name = "UsageError";
}

const USAGE = `aetherlink ${version}: a multi-tenant CRM API whose every change becomes an event and is shown live

Usage: aetherlink [command] [options]

Commands:
  serve     start the server (the default)
  migrate   bring the schema of DATABASE_URL up to date
  outbox    list                      what waits to be published, and the dead letters
            requeue <event-id>… | --all   give dead letters five new tries; what waits behind them follows
            discard <event-id>… | --all   give them up: they are never published
  doctor    say which librdkafka is used for Kafka, its version and built-in features
  version   print the version

Options:
  --with-parent   serve: stop when the process that started the server is gone, as bun run dev needs it
  --all           outbox: every dead letter
  --reason <text> outbox: why, for the audit
  --json          outbox: one JSON object instead of text
  --help, -h      this text; with serve also every environment variable
`;

/** Milliseconds in which a second signal is the same Ctrl-C: it reaches the process group, and `bun run` passes it on as well. */
const SAME_KEYSTROKE_MS = 500;
/** Milliseconds between looks at whether the parent process is still there. */
const PARENT_POLL_MS = 200;
/** Milliseconds after the shutdown's own time at which the process ends whatever still hangs. */
const KILL_MARGIN_MS = 500;

/** The command line; nothing else reads argv. Resolves with the exit code, or never while the server runs. */
async function main(argv: string[]): Promise<number> {
  const { values, positionals } = readArguments(argv);
  const [command = "serve", ...rest] = positionals;
  if (rest.length > 0 && command !== "outbox")
    throw new UsageError(`unknown argument ${rest[0]}; see aetherlink --help`);
  if (values.help) return print(help(command));
  if (values.version) return print(`${version}\n`);
  switch (command) {
    case "serve":
      return await serve(values["with-parent"] === true);
    case "migrate":
      return await migrateOnce();
    case "outbox":
      return await outbox(rest, values);
    case "doctor":
      return doctor();
    case "version":
      return print(`${version}\n`);
    default:
      throw new UsageError(
        `unknown command ${command}; there are serve, migrate, outbox, doctor and version, see aetherlink --help`,
      );
  }
}

function readArguments(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
        "with-parent": { type: "boolean" },
        all: { type: "boolean" },
        json: { type: "boolean" },
        reason: { type: "string" },
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error);
    throw new UsageError(`${reason}; see aetherlink --help`);
  }
}

/**
 * Starts the server and stops it on SIGINT, SIGTERM or SIGHUP; a second signal ends the process at once.
 * @param withParent stop as well when the parent is gone: kill -9 of `bun run dev` would leave the server on its port
 */
async function serve(withParent: boolean): Promise<number> {
  const config = readConfig();
  const logger = createLogger(config.LOG_LEVEL, config.LOG_FORMAT);
  const app = new App(config, logger);
  const asked = Promise.withResolvers<void>();
  let stoppingSince: number | undefined;
  const stop = (reason: string) => {
    if (stoppingSince === undefined) {
      stoppingSince = performance.now();
      logger.info({ reason }, "stopping");
      asked.resolve();
    } else if (performance.now() - stoppingSince > SAME_KEYSTROKE_MS) process.exit(1);
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
    if (config.LOG_FORMAT !== "json") print(banner(app.url));
    await asked.promise;
  }
  setTimeout(() => process.exit(1), config.SHUTDOWN_TIMEOUT_MS + KILL_MARGIN_MS).unref();
  await app.stop();
  await started;
  logger.info("stopped");
  await flushed(logger);
  return 0;
}

function onParentGone(told: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    told();
  }, PARENT_POLL_MS);
}

/** Runs `work` on the database of DATABASE_URL; `otherwise` says what to do when there is none. */
async function withDatabase(otherwise: string, work: (sql: Sql) => Promise<number>): Promise<number> {
  const config = readConfig();
  if (config.DATABASE_URL === undefined) throw new UsageError(`DATABASE_URL: is not set; ${otherwise}`);
  const sql = createPool(config.DATABASE_URL, 1, createLogger("silent", "json"));
  try {
    await probe(sql);
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function migrateOnce(): Promise<number> {
  return withDatabase("an embedded PostgreSQL is migrated when the server starts", async (sql) => {
    const { migrations, functions } = await migrate(sql);
    const applied = [...migrations, ...functions.map((name) => `functions/${name}`)];
    return print(applied.length === 0 ? "up to date\n" : applied.map((name) => `applied ${name}\n`).join(""));
  });
}

async function outbox(
  [action = "list", ...eventIds]: string[],
  { all = false, json = false, reason }: { all?: boolean; json?: boolean; reason?: string },
): Promise<number> {
  if (action !== "list" && action !== "requeue" && action !== "discard") {
    throw new UsageError(`unknown outbox command ${action}; there are list, requeue and discard`);
  }
  const malformed = eventIds.find((id) => !isUuid(id));
  if (malformed !== undefined) throw new UsageError(`${malformed} is no event id: those are UUIDs`);
  if (action === "list" ? all || eventIds.length > 0 : all === eventIds.length > 0) {
    throw new UsageError(
      action === "list" ? "outbox list takes no event ids" : `outbox ${action} takes event ids or --all`,
    );
  }
  const command = { action, eventIds, all, json, reason, actor: `cli:${userInfo().username}@${hostname()}` } as const;
  return await withDatabase("for an embedded PostgreSQL ask the running server, /api/ops/outbox", (sql) =>
    outboxCommand(sql, command, print),
  );
}

/** Without a library the one line that says how to get one is the answer, with exit code 1. */
function doctor(): number {
  const { path, source, version: librdkafka, features } = describeLibrary(configuredLibrary(readConfig()));
  return print(`librdkafka ${librdkafka}\n  loaded from  ${path} (${source})\n  features     ${features.join(", ")}\n`);
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

function help(command: string): string {
  if (command !== "serve") return USAGE;
  const rows = describeConfig().map((row) => `  ${row.name} (${row.fallback})\n      ${row.description}\n`);
  return `${USAGE}\nEnvironment variables, with their defaults:\n\n${rows.join("")}`;
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

/** Faults of whoever starts the program: they get their lines, not a stack trace. */
function isReadable(error: unknown): error is Error {
  const readable = [
    ConfigError,
    ListenError,
    EmbeddedPostgresError,
    DatabaseError,
    MigrationError,
    LibraryNotFoundError,
    KafkaConfigError,
    SecondLogError,
    UsageError,
  ];
  return readable.some((kind) => error instanceof kind);
}

try {
  process.exit(await main(Bun.argv.slice(2)));
} catch (error) {
  process.stderr.write(isReadable(error) ? `${error.message}\n` : `${Bun.inspect(error)}\n`);
  process.exit(1);
}
