import { readFileSync } from "node:fs";
import { z } from "zod";
import { identityFaults, identityFields } from "./config.identity.ts";
import { tracingFields } from "./config.tracing.ts";
import { allowed, integer, isHttp, isOrigin, LOOPBACK, parseProperties, postgresUrl } from "./config.values.ts";

/**
 * The environment, described once: the schema validates it, its descriptions are the text of `--help`, and its
 * output is the type that the rest of the program sees. Nothing else reads the process environment.
 */

const BOOLEANS = ["true", "false"] as const;
const SECURITY_PROTOCOLS = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] as const;
const SASL_MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] as const;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const LOG_FORMATS = ["auto", "json", "pretty"] as const;

const fields = {
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, "must be a host name or an IP address")
    .default("127.0.0.1")
    .describe("Address to listen on. Anything but a loopback address needs OIDC_ISSUER, or AUTH=none."),
  PORT: integer(0, 65_535, 9010).describe("Port to listen on; 0 picks a free one."),
  ...identityFields,
  DATABASE_URL: postgresUrl()
    .optional()
    .meta({ secret: true })
    .describe("PostgreSQL 15 or newer. Unset: an embedded PostgreSQL 18 with its data in DATA_DIR."),
  DATABASE_SESSION_URL: postgresUrl()
    .optional()
    .meta({ secret: true })
    .describe(
      "The same database past a pooler, for what needs a session of its own: relay, autoheal and migrations. Needed when DATABASE_URL leads through PgBouncer in transaction mode.",
    ),
  DATABASE_POOL: integer(1, 500, 16).describe("Connections for requests; two more serve the relay and autoheal."),
  DATA_DIR: z
    .string()
    .min(1)
    .default(".data")
    .describe("Folder of the embedded PostgreSQL, kept between runs. Unused when DATABASE_URL is set."),
  KAFKA_BROKERS: z
    .string()
    .regex(/^[^\s,]+:\d{1,5}(,[^\s,]+:\d{1,5})*$/, "must be host:port, or several separated by commas")
    .optional()
    .describe("Kafka brokers to start from. Unset: an event log inside this process, for a single server."),
  KAFKA_TOPIC: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,249}$/, "must be 1 to 249 letters, digits, dots, underscores or hyphens")
    .default("aetherlink.events")
    .describe("Topic of the event log; with the in-process log it is the name shown."),
  KAFKA_PARTITIONS: integer(1, 1_000, 3).describe("Partitions of the topic when it is created here."),
  KAFKA_REPLICATION_FACTOR: integer(0, 15, 0).describe(
    "Replicas of the topic when it is created here; 0 is the brokers' own default.",
  ),
  KAFKA_GROUP: z
    .string()
    .min(1)
    .default("crm-events-sse")
    .describe("Consumer group under which the stream notes its position, so that Kafka's own tools show its lag."),
  KAFKA_SECURITY_PROTOCOL: z
    .enum(SECURITY_PROTOCOLS, allowed(SECURITY_PROTOCOLS))
    .default("plaintext")
    .describe("How brokers are spoken to: with TLS (ssl), a login (sasl), both or neither."),
  KAFKA_SASL_MECHANISM: z
    .enum(SASL_MECHANISMS, allowed(SASL_MECHANISMS))
    .optional()
    .describe("How the login is proven; needed with a sasl protocol."),
  KAFKA_SASL_USERNAME: z.string().optional().describe("User name for PLAIN and SCRAM."),
  KAFKA_SASL_PASSWORD: z.string().optional().meta({ secret: true }).describe("Password for PLAIN and SCRAM."),
  KAFKA_SSL_CA: z
    .string()
    .optional()
    .describe("File with the authority's certificate (PEM), when the system does not know it."),
  KAFKA_OPTIONS: z
    .string()
    .transform(parseProperties)
    .default({})
    .meta({ secret: true })
    .describe(
      'Any properties of librdkafka as a JSON object, such as {"linger.ms": 5}; they go before the variables above.',
    ),
  LIBRDKAFKA_PATH: z
    .string()
    .optional()
    .describe("Shared library of librdkafka to load. Unset: what bun run librdkafka compiled, else the system's."),
  LOG_RECORDS: integer(500, 1_000_000, 10_000).describe(
    "Records that the in-process event log keeps for resuming clients.",
  ),
  OUTBOX_POLL_MS: integer(10, 60_000, 1_000).describe(
    "Milliseconds between looks into the outbox when nothing woke the relay: the net under the in-process kick.",
  ),
  OUTBOX_BATCH: integer(1, 5_000, 1_000).describe("Events that the relay publishes and marks together."),
  OUTBOX_RETENTION_HOURS: integer(1, 87_600, 168).describe(
    "Hours for which published and discarded events stay in the outbox: the history of an entity, and what an in-process log is refilled from.",
  ),
  IDEMPOTENCY_TTL_HOURS: integer(1, 720, 24).describe(
    "Hours for which an Idempotency-Key answers with the first response.",
  ),
  REQUIRE_IF_MATCH: z
    .enum(BOOLEANS, allowed(BOOLEANS))
    .default("false")
    .transform((value) => value === "true")
    .describe(
      "true: PATCH and DELETE need If-Match, and are answered 428 without it. false: it is looked at when sent.",
    ),
  TENANT_RPS: integer(0, 1_000_000, 0).describe(
    "CRM requests a second that one tenant may make for long, in each server process; 0 is any number. Beyond it: 429.",
  ),
  TENANT_BURST: integer(0, 1_000_000, 0).describe(
    "CRM requests that one tenant may make at once; 0 is twice TENANT_RPS.",
  ),
  TENANT_BODY_BPS: integer(0, 1_000_000_000, 0).describe(
    "Bytes of CRM request bodies a second that one tenant may send for long, in each server process; 0 is any number. Beyond it: 429. At once it may send twice as many, at least MAX_BODY_BYTES.",
  ),
  MAX_BODY_BYTES: integer(1_024, 67_108_864, 1_048_576).describe("Bytes of a request body at most. Beyond it: 413."),
  BODY_TIMEOUT_MS: integer(100, 120_000, 8_000).describe(
    "Milliseconds in which a request body has to arrive. Beyond it: 408.",
  ),
  CORS_ORIGINS: z
    .string()
    .transform((text) => text.split(",").map((origin) => origin.trim()))
    .refine((origins) => origins.every(isOrigin), "must be origins like https://app.example.com, separated by commas")
    .default([])
    .describe("Origins whose pages may call the API from a browser. Unset: none but our own."),
  STREAM_RING: integer(500, 100_000, 1_000).describe(
    "Newest events kept in memory for the page and for resuming streams.",
  ),
  SSE_HEARTBEAT_MS: integer(1_000, 300_000, 15_000).describe("Milliseconds between heartbeats on an open stream."),
  SSE_BUFFER_BYTES: integer(262_144, 67_108_864, 1_048_576).describe(
    "Bytes that a slow stream client may be behind before it is cut off; it resumes where it stopped.",
  ),
  SSE_MAX_CLIENTS: integer(1, 1_000_000, 10_000).describe(
    "Streams open at once, in each server process. Beyond it a client is told to come back in 5 to 15 seconds.",
  ),
  SSE_MAX_AGE: integer(0, 604_800, 3_600).describe(
    "Seconds after which a stream is ended, at a random point in the last fifth; its client comes back where it stopped. 0: never.",
  ),
  AUTOHEAL_FILE: z
    .string()
    .min(1)
    .default("autoheal.json")
    .describe(
      "File with what autoheal may do and when; read anew when it changes. Missing: the rules that are built in.",
    ),
  AUTOHEAL_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,}$/, "must have at least 16 visible ASCII characters")
    .optional()
    .meta({ secret: true })
    .describe("Bearer token that Alertmanager sends to /autoheal/alert. Unset: no alerts are taken."),
  SHUTDOWN_TIMEOUT_MS: integer(100, 600_000, 4_000).describe(
    "Milliseconds for requests under way when the server is told to stop.",
  ),
  SHUTDOWN_DELAY_MS: integer(0, 600_000, 0).describe(
    "Milliseconds before that in which it still accepts but says on /healthz/ready that it is not: for a load balancer that looks there, such as Kubernetes'.",
  ),
  AETHERLINK_URL: z
    .string()
    .refine(isHttp, "must be an http or https URL such as https://crm.example.com")
    .optional()
    .describe("Server that events tail and demo ask. Unset: the one on this machine's PORT."),
  AETHERLINK_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, "must be visible ASCII characters")
    .optional()
    .meta({ secret: true })
    .describe("Access token with which events tail and demo ask, where the server has an OIDC issuer."),
  ...tracingFields,
  LOG_LEVEL: z.enum(LOG_LEVELS, allowed(LOG_LEVELS)).default("info").describe("Least severe line to log."),
  LOG_FORMAT: z
    .enum(LOG_FORMATS, allowed(LOG_FORMATS))
    .default("auto")
    .describe("json: one object a line. pretty: for people. auto: pretty on a terminal, else json."),
} as const;

const schema = z.object(fields).superRefine((config, context) => {
  if (!LOOPBACK.has(config.HOST) && config.AUTH !== "none" && config.OIDC_ISSUER === undefined) {
    context.addIssue({
      code: "custom",
      path: ["HOST"],
      message:
        "is no loopback address, and without a login anyone who reaches it could write: set OIDC_ISSUER, or AUTH=none to allow that",
    });
  }
  for (const [name, message] of identityFaults(config)) context.addIssue({ code: "custom", path: [name], message });
  // Not <=: a malformed number is NaN here and has its own line.
  if (config.OUTBOX_BATCH > config.LOG_RECORDS) {
    const message = `must be at most LOG_RECORDS, which is ${config.LOG_RECORDS}: what is published together has to fit`;
    context.addIssue({ code: "custom", path: ["OUTBOX_BATCH"], message });
  }
  if (config.KAFKA_SECURITY_PROTOCOL.startsWith("sasl") && config.KAFKA_SASL_MECHANISM === undefined) {
    context.addIssue({
      code: "custom",
      path: ["KAFKA_SASL_MECHANISM"],
      message: `is needed with KAFKA_SECURITY_PROTOCOL=${config.KAFKA_SECURITY_PROTOCOL}: one of ${SASL_MECHANISMS.join(", ")}`,
    });
  }
});

/** The validated configuration; keys are the environment variables, units are in their names. */
export type Config = Readonly<z.output<typeof schema>>;

/** A malformed environment. `lines` has one readable line for each variable that is wrong; no secret is in them. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly lines: string[]) {
    super(lines.join("\n"));
  }
}

/**
 * Reads the configuration from an environment. An empty value counts as unset, as compose files and shells produce.
 * A secret may stand in a file that `<NAME>_FILE` names, as Docker, Kubernetes and systemd hand them over.
 * @param without variables to be taken as unset
 * @throws {ConfigError} when a value is malformed: all of them at once, a line each.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
  without: ReadonlySet<string> = new Set(),
): Config {
  const given: Record<string, string> = {};
  const unreadable: string[] = [];
  for (const name of Object.keys(fields)) {
    if (without.has(name)) continue;
    const value = env[name];
    if (value !== undefined && value !== "") given[name] = value;
    const file = env[`${name}_FILE`];
    if (!isSecret(name) || file === undefined || file === "") continue;
    const secret =
      given[name] === undefined ? readSecret(file) : { fault: `is set, and ${name} too: unset one of them` };
    if ("fault" in secret) unreadable.push(`${name}_FILE: ${secret.fault} (it is ${JSON.stringify(file)})`);
    else given[name] = secret.text;
  }
  const result = schema.safeParse(given);
  if (result.success && unreadable.length === 0) return result.data;
  const malformed = result.error?.issues.map((issue) => line(String(issue.path[0]), issue.message, given)) ?? [];
  throw new ConfigError([...unreadable, ...malformed]);
}

/** The variables `<NAME>_FILE` that are set. */
export function secretFileVariables(env: Readonly<Record<string, string | undefined>> = process.env): string[] {
  return Object.keys(fields).flatMap((name) => (isSecret(name) && env[`${name}_FILE`] ? [`${name}_FILE`] : []));
}

/**
 * Where systemd wants to be told how the service is doing (sd_notify(3), sd_watchdog_enabled(3)); undefined when another, or
 * nobody, has started us.
 */
export function serviceManager(
  env: Readonly<Record<string, string | undefined>> = process.env,
): { socket: string; watchdogMs: number | undefined } | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid } = env;
  if (!socket) return undefined;
  const isOurs = pid === undefined || pid === String(process.pid);
  const watchdogMs = isOurs && /^[1-9]\d{0,15}$/.test(microseconds ?? "") ? Number(microseconds) / 1_000 : undefined;
  return { socket, watchdogMs };
}

/** The text of a secret's file without the line end that editors and `echo` leave; or why there is none. */
function readSecret(path: string): { text: string } | { fault: string } {
  try {
    const text = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    return text === "" ? { fault: "names an empty file" } : { text };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return { fault: `names a file that cannot be read${code}` };
  }
}

function line(name: string, message: string, given: Record<string, string>): string {
  const value = given[name];
  // A URL may have a password before its @, a malformed one too.
  const harmless = value?.replace(/^.*@/s, "…@").slice(0, 80);
  const shown = harmless === undefined || isSecret(name) ? "" : ` (it is ${JSON.stringify(harmless)})`;
  return `${name}: ${message}${shown}`;
}

function isSecret(name: string): boolean {
  const field = (fields as Record<string, z.ZodType>)[name];
  return field?.meta()?.secret === true;
}

/** One row of `--help` for each variable: its name, its default as text, what it means, whether a file may hold it. */
export function describeConfig(): { name: string; fallback: string; description: string; secret: boolean }[] {
  const defaults = schema.parse({}) as Record<string, unknown>;
  return Object.entries(fields).map(([name, field]) => ({
    name,
    fallback: showDefault(defaults[name]),
    description: `${field.description ?? ""}${isSecret(name) ? ` Or ${name}_FILE: a file with it.` : ""}`,
    secret: isSecret(name),
  }));
}

function showDefault(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "unset";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
