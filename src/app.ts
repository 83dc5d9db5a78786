import { hostname } from "node:os";
import { resolve } from "node:path";
import { version } from "../package.json";
import { type Ambient, realAmbient } from "./ambient.ts";
import { openAuth } from "./auth/open.ts";
import { Autoheal, type Parts, readRulesFile } from "./autoheal/index.ts";
import type { Config } from "./config.ts";
import { openCrm } from "./crm/context.ts";
import { traceWrites } from "./crm/traced.ts";
import { EmbeddedPostgres } from "./db/embedded/index.ts";
import { watchPool } from "./db/metrics.ts";
import { migrate } from "./db/migrate.ts";
import { createPool, probe, type Sql } from "./db/pool.ts";
import { checkUrls } from "./db/pooler.ts";
import { explained, requireRoles } from "./db/rights.ts";
import { openSession } from "./db/session.ts";
import { within } from "./deadline.ts";
import type { Check } from "./http/health.ts";
import { HttpServer } from "./http/server.ts";
import { tenantLimits } from "./http/tenant-limit.ts";
import { KeyPruner } from "./idempotency/prune.ts";
import type { EventLog } from "./log/log.ts";
import type { MemoryLog } from "./log/memory.ts";
import { openLog } from "./log/open.ts";
import { tracePublish } from "./log/traced.ts";
import type { Logger } from "./metrics/logger.ts";
import { openTracing } from "./metrics/tracing/open.ts";
import type { Tracing } from "./metrics/tracing/tracing.ts";
import { loadAssets } from "./ops/index.ts";
import {
  CommitNotifier,
  countUnpublished,
  OutboxRetention,
  OutboxStatus,
  Relay,
  refuseSecondLog,
  selectNextOffsets,
  selectPublished,
} from "./outbox/index.ts";
import type { Packed } from "./packed.ts";
import { createRoutes } from "./routes.ts";
import { AllSeries, type Series } from "./series.ts";
import { Hub, traceFanOut } from "./stream/index.ts";

/** Milliseconds that a readiness check waits for the database. */
const CHECK_TIMEOUT_MS = 2_000;
/** Rows read beyond what the in-process log keeps, so that a late commit with a low id leaves no hole at its beginning. */
const RESTORE_MARGIN = 1_000;
/** Milliseconds that the start waits for the stream to hold the newest events. */
const CATCH_UP_MS = 5_000;
/** Milliseconds that the event log gets to stop even when the time is up, for its clients to be freed. */
const LOG_GRACE_MS = 200;
/** Connections beside the pool: relay, owner's lock, a person with psql, the next process at a reload. */
const SPARE_CONNECTIONS = 40;
/** Milliseconds that PostgreSQL gets to stop even when the time is up: left running it would be a process left behind. */
const POSTGRES_GRACE_MS = 1_000;
/** Milliseconds that ended streams get for their last bytes. */
const FLUSH_MS = 200;
/** Milliseconds that a command which autoheal runs gets to end even when the time is up. */
const AUTOHEAL_GRACE_MS = 1_500;
/** Milliseconds that the last spans get even when the time is up. */
const TRACING_GRACE_MS = 500;
/** Milliseconds kept back from the shutdown's time for what comes after the requests. */
const AFTER_DRAIN_MS = 1_000;

/** The server was told to stop before it was up. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

/** The whole server: parts are built and started in order, and stopped in reverse. */
export class App {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #ambient: Ambient;
  readonly #packed: Packed;
  readonly #http: HttpServer;
  readonly #series: Series;
  /** What was started, to be stopped in reverse; each has a name for the log. */
  readonly #started: { name: string; stop(): Promise<void>; graceMs: number }[] = [];
  #tracing: Tracing | undefined;
  #hub: Hub | undefined;
  #autoheal: Autoheal | undefined;
  #stopped: Promise<void> | undefined;
  #isServing = false;
  #isStopping = false;
  /** When the time to stop is over, by performance.now. */
  #deadline = Number.POSITIVE_INFINITY;

  /** `packed` is what a compiled binary brings along, `series` what parts count in: by default all of it. */
  constructor(config: Config, logger: Logger, ambient = realAmbient, packed: Packed = {}, series?: Series) {
    this.#config = config;
    this.#packed = packed;
    this.#logger = logger;
    this.#ambient = ambient;
    this.#series = series ?? new AllSeries(config.KAFKA_BROKERS !== undefined, packed.commit);
    this.#http = new HttpServer(config.HOST, config.PORT, logger, this.#series.http?.refused);
  }

  /** Where the server can be reached. */
  get url(): string {
    return this.#http.url;
  }

  /**
   * Starts all parts; resolves when the server is ready. When one fails, those before it are stopped again.
   * @throws {RulesError | ListenError | EmbeddedPostgresError | DatabaseError | MigrationError} with a message of one readable line
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops all parts, also those of a start under way: requests under way end, what is committed is published, streams are closed. Safe twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const config = this.#config;
    // Autoheal itself is started last: by then the relay leads, and a new server would have taken the lead only to end.
    await readRulesFile(resolve(config.AUTOHEAL_FILE));
    await this.#http.listen();
    this.#onStop("port", () => this.#http.stop());
    this.#series.loopLag?.start();
    this.#onStop("event loop lag", async () => this.#series.loopLag?.stop());
    this.#tracing = await openTracing(config, this.#logger, version);
    // Stopped last but for those: what the others do while they stop is told too.
    this.#onStop("tracing", async () => this.#tracing?.stop(), TRACING_GRACE_MS);
    this.#refuseWhenStopped();
    // Bundling takes 0.2 s the first time, so it runs beside the start of the database.
    const assets = loadAssets(this.#packed);
    assets.catch(() => {});

    const pooling = await checkUrls(config.DATABASE_URL, config.DATABASE_SESSION_URL, this.#logger);
    const databaseUrl = config.DATABASE_URL ?? (await this.#startEmbeddedPostgres());
    this.#refuseWhenStopped();
    if (pooling.sharesSessions) this.#logger.info(pooling, "the database is behind a pooler");
    const sql = createPool(databaseUrl, config.DATABASE_POOL, this.#logger, pooling.keepsStatements);
    this.#onStop("database pool", () => sql.end({ timeout: 1 }));
    watchPool(this.#series.registry, sql);
    await probe(sql);
    const sessionUrl = config.DATABASE_SESSION_URL ?? databaseUrl;
    const sessions = sessionUrl === databaseUrl ? sql : createPool(sessionUrl, 1, this.#logger);
    if (sessions !== sql) this.#onStop("sessions of the start", () => sessions.end({ timeout: 1 }));
    const sessionVariable = sessions === sql ? "DATABASE_URL" : "DATABASE_SESSION_URL";
    if (sessions !== sql) await probe(sessions, sessionVariable);
    const applied = await explained(sessions, () => migrate(sessions), sessionVariable);
    await requireRoles(sql);
    if (applied.migrations.length + applied.functions.length > 0) this.#logger.info(applied, "migrations applied");
    if (applied.newer.length > 0)
      this.#logger.warn(
        { newer: applied.newer },
        "the database is of a newer version; its SQL functions stay as they are",
      );

    this.#refuseWhenStopped();
    const log = await explained(sql, () => this.#startLog(sql, sessions));
    if (sessions !== sql) await sessions.end({ timeout: 1 });
    this.#refuseWhenStopped();
    const hub = await this.#startHub(log);
    const script = await assets;
    this.#refuseWhenStopped();
    const relay = this.#startRelay(sessionUrl, log);
    const notifier = new CommitNotifier(sql, this.#logger);
    this.#onStop("commit notifier", () => notifier.stop());
    this.#startHousekeeping(sql);
    const outbox = new OutboxStatus(sql, relay);
    this.#series.outbox?.watch(outbox);
    const autoheal = await this.#startAutoheal(sessionUrl, { sql, log, relay, hub });

    this.#http.open(
      createRoutes({
        logger: this.#logger,
        ambient: this.#ambient,
        hub,
        assets: script,
        registry: this.#series.registry,
        metrics: this.#series.http,
        tracing: this.#tracing,
        outbox: { sql, status: outbox },
        autoheal: { sql, autoheal, token: config.AUTOHEAL_TOKEN },
        auth: openAuth(config, this.#logger, this.#ambient),
        crm: openCrm({
          sql,
          ambient: this.#ambient,
          idempotencyTtlMs: config.IDEMPOTENCY_TTL_HOURS * 3_600_000,
          requireIfMatch: config.REQUIRE_IF_MATCH,
          keyed: this.#series.idempotency?.written,
          traced: traceWrites(this.#tracing),
          committed: () => (relay.state === "leading" ? relay.kick() : notifier.notify()),
        }),
        http: {
          body: { maxBytes: config.MAX_BODY_BYTES, timeoutMs: config.BODY_TIMEOUT_MS },
          tenant: tenantLimits(config),
          corsOrigins: config.CORS_ORIGINS,
        },
        health: { version, page: "/ops/crm-events", checks: () => this.#checks(sql, relay, hub) },
      }),
    );
    this.#isServing = true;
  }

  /** Told to stop while starting: nothing more may be built, for nobody would stop it. */
  #refuseWhenStopped(): void {
    if (this.#stopped !== undefined) throw new StoppedError("stopped while starting");
  }

  async #startEmbeddedPostgres(): Promise<string> {
    const postgres = new EmbeddedPostgres({
      dataDir: resolve(this.#config.DATA_DIR),
      log: this.#logger,
      packed: this.#packed.postgres,
      settings: { max_connections: String(Math.max(100, this.#config.DATABASE_POOL + SPARE_CONNECTIONS)) },
    });
    this.#onStop("embedded PostgreSQL", () => postgres.stop(), POSTGRES_GRACE_MS);
    const { url, adopted, location } = await postgres.start();
    this.#logger.info({ location, adopted }, "embedded PostgreSQL is up");
    return url;
  }

  async #startLog(sql: Sql, sessions: Sql): Promise<EventLog> {
    const restore = async (memory: MemoryLog) => {
      await refuseSecondLog(sessions);
      // The count first: what is published between the two is counted and not restored, which only leaves a gap.
      const unrecorded = await countUnpublished(sql);
      const published = await selectPublished(sql, this.#config.LOG_RECORDS + RESTORE_MARGIN);
      memory.restore(published, await selectNextOffsets(sql), unrecorded);
    };
    const log = await openLog(this.#config, this.#logger, restore, this.#packed, this.#series.kafka);
    this.#onStop("event log", () => log.stop(), LOG_GRACE_MS);
    await log.start();
    return log;
  }

  async #startHub(log: EventLog): Promise<Hub> {
    const hub = new Hub({
      log,
      logger: this.#logger,
      ring: this.#config.STREAM_RING,
      heartbeatMs: this.#config.SSE_HEARTBEAT_MS,
      bufferBytes: this.#config.SSE_BUFFER_BYTES,
      maxClients: this.#config.SSE_MAX_CLIENTS,
      maxAgeMs: this.#config.SSE_MAX_AGE * 1_000,
      now: () => this.#ambient.now().getTime(),
      metrics: this.#series.stream,
      traced: traceFanOut(this.#tracing, log.topic),
    });
    this.#hub = hub;
    this.#onStop("last bytes of the streams", () =>
      this.#http.flush(Math.min(this.#deadline, performance.now() + FLUSH_MS)),
    );
    this.#onStop("stream", () => hub.stop());
    hub.start();
    // A log that is away must not keep the API from serving: then the stream begins later, and readiness says so.
    await within(CATCH_UP_MS, hub.caughtUp);
    return hub;
  }

  /** What deletes that whose time is over. */
  #startHousekeeping(sql: Sql): void {
    const pruner = new KeyPruner(sql, this.#logger);
    const retention = new OutboxRetention({ sql, logger: this.#logger, hours: this.#config.OUTBOX_RETENTION_HOURS });
    for (const [name, part] of Object.entries({ "key pruner": pruner, "outbox retention": retention })) {
      part.start();
      this.#onStop(name, () => part.stop());
    }
  }

  #startRelay(sessionUrl: string, log: EventLog): Relay {
    const relay = new Relay({
      openSession: (events) => openSession(sessionUrl, "aetherlink_relay", events),
      log: tracePublish(log, this.#tracing),
      logger: this.#logger,
      batch: this.#config.OUTBOX_BATCH,
      pollMs: this.#config.OUTBOX_POLL_MS,
      settled: this.#series.outbox?.settled,
    });
    this.#onStop("relay", () => relay.stop());
    relay.start();
    return relay;
  }

  /** Started last and stopped first: what is being stopped is not to be mended. */
  async #startAutoheal(sessionUrl: string, parts: Parts): Promise<Autoheal> {
    const autoheal = new Autoheal({
      openSession: (events) => openSession(sessionUrl, "aetherlink_relay", events, "aetherlink-autoheal"),
      sql: parts.sql,
      logger: this.#logger,
      ambient: this.#ambient,
      registry: this.#series.registry,
      parts,
      file: resolve(this.#config.AUTOHEAL_FILE),
      replica: `${hostname()}:${new URL(this.#http.url).port || "80"}`,
    });
    this.#autoheal = autoheal;
    this.#onStop("autoheal", () => autoheal.stop(), AUTOHEAL_GRACE_MS);
    await autoheal.start();
    return autoheal;
  }

  async #checks(sql: Sql, relay: Relay, hub: Hub): Promise<Check[]> {
    const answer = sql`select 1`.then(
      () => "ok",
      () => "unavailable",
    );
    const database = await within(CHECK_TIMEOUT_MS, answer);
    return [
      { name: "database", state: database, ok: database === "ok" },
      // Without Kafka the leader's events are in the leader's process: a standby would show none of them.
      { name: "relay", state: relay.state, ok: relay.state === "leading" || this.#config.KAFKA_BROKERS !== undefined },
      { name: "stream", state: hub.isCaughtUp ? "live" : "catching up", ok: hub.isCaughtUp },
      ...(this.#isStopping ? [{ name: "server", state: "stopping", ok: false }] : []),
    ];
  }

  /**
   * Not ready; no new connections; requests under way end, and what they committed is published by the relay, which then
   * hands over its lead; streams are told to come back elsewhere; what was written is flushed; then the rest.
   */
  async #stop(): Promise<void> {
    this.#isStopping = true;
    this.#http.retire();
    if (this.#isServing) await Bun.sleep(this.#config.SHUTDOWN_DELAY_MS);
    const deadline = performance.now() + this.#config.SHUTDOWN_TIMEOUT_MS;
    this.#deadline = deadline;
    // Its streams never end by themselves, and few people follow them: they need no spreading out.
    this.#autoheal?.feed.stop();
    const afterDrain = Math.min(AFTER_DRAIN_MS, this.#config.SHUTDOWN_TIMEOUT_MS / 2);
    await this.#http.drain(deadline - afterDrain, () => this.#hub?.clientCount ?? 0);
    this.#logger.debug("no request is under way any more");
    for (const part of this.#started.toReversed()) {
      const stopped = part
        .stop()
        .catch((error: unknown) => this.#logger.error({ err: error, part: part.name }, "a part did not stop"));
      this.#logger.debug({ part: part.name }, "stopping a part");
      const ms = Math.max(part.graceMs, deadline - performance.now());
      if ((await within(ms, stopped)) === "late")
        this.#logger.warn({ part: part.name }, "a part was not stopped in time");
    }
  }

  /** @param graceMs milliseconds that the part gets to stop even when the time is up */
  #onStop(name: string, stop: () => Promise<void>, graceMs = 100): void {
    this.#started.push({ name, stop, graceMs });
  }
}
