/** What the tests of autoheal share: a server's parts on a real database, and probes that a test can put out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Registry } from "prom-client";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { realAmbient } from "../ambient.ts";
import { createPool, type Sql } from "../db/pool.ts";
import { openSession } from "../db/session.ts";
import { MemoryLog } from "../log/memory.ts";
import { Relay } from "../outbox/index.ts";
import { Hub } from "../stream/index.ts";
import type { Alert } from "./alerts.ts";
import { type AuditEntry, selectAudit } from "./audit.ts";
import { Autoheal, type AutohealOptions } from "./autoheal.ts";
import { AutohealLeader, type LeaderOptions } from "./leader.ts";
import { AutohealMetrics } from "./metrics.ts";
import type { Parts } from "./parts.ts";
import { type Finding, ProbeBoard, type Probes } from "./probes.ts";
import { checkRules, PROBES, type ProbeName } from "./rules.ts";

export const silent = pino({ level: "silent" });
const OPEN_PATH = "/usr/local/bin:/usr/bin:/bin";

/** Probes that find what a test says; all is well at first. */
export class Switches {
  readonly found: Record<ProbeName, Finding> = {
    database: { up: true, detail: "" },
    broker: { up: true, detail: "" },
    topic: { up: true, detail: "" },
    relay: { up: true, detail: "" },
    stream: { up: true, detail: "" },
  };
  readonly probes: Probes = {
    database: async () => this.found.database,
    broker: async () => this.found.broker,
    topic: async () => this.found.topic,
    relay: async () => this.found.relay,
    stream: async () => this.found.stream,
  };

  down(probe: ProbeName): void {
    this.found[probe] = { up: false, detail: "put out" };
  }

  up(probe: ProbeName): void {
    this.found[probe] = { up: true, detail: "back" };
  }
}

/** One term of leadership that a test takes turn by turn. */
export interface Term {
  readonly leader: AutohealLeader;
  readonly registry: Registry;
  /** A turn, and all that it began. */
  turn(): Promise<void>;
  /** Turns until one has looked at the parts. */
  look(): Promise<void>;
  /** The value of a series, such as `autoheal_leader` or `autoheal_actions_total{action="a",result="executed"}`. */
  metric(series: string): Promise<number | undefined>;
  /** Ends it as a process that is killed does: nothing more is written. */
  end(): Promise<void>;
}

/** A database with the parts of a server on it, and whatever a test starts there; `stop` ends all of it. */
export class World {
  readonly switches = new Switches();
  /** A folder for files that commands write. */
  readonly folder = mkdtempSync(join(tmpdir(), "aetherlink-autoheal-"));
  readonly #stops: (() => Promise<unknown>)[] = [];
  readonly #terms: Term[] = [];
  #files = 0;

  private constructor(
    readonly db: TestDatabase,
    readonly sql: Sql,
    readonly parts: Parts & { readonly log: MemoryLog; readonly relay: Relay; readonly hub: Hub },
  ) {}

  static async open(): Promise<World> {
    const db = await testDatabase();
    const sql = createPool(db.url, 6, silent);
    const log = new MemoryLog({ topic: "test", partitions: 3, capacity: 10_000, now: Date.now });
    const hub = new Hub({ log, logger: silent, ring: 500, heartbeatMs: 60_000, bufferBytes: 1_048_576 });
    const relay = new Relay({
      openSession: (events) => openSession(db.url, "aetherlink_relay", events),
      log,
      logger: silent,
      batch: 100,
      pollMs: 1_000,
    });
    const world = new World(db, sql, { sql, log, hub, relay });
    world.#stops.push(
      () => db.drop(),
      () => sql.end({ timeout: 1 }),
    );
    world.#keep(log);
    hub.start();
    world.#keep(hub);
    relay.start();
    world.#keep(relay);
    return world;
  }

  /** A term of its own session; `rules` as autoheal.json has them. */
  async term(rules: object, options: Partial<LeaderOptions> = {}): Promise<Term> {
    const session = await openSession(this.db.url, "aetherlink_relay", { onLost() {}, onNotification() {} });
    const registry = new Registry();
    const metrics = new AutohealMetrics(registry);
    const board = new ProbeBoard(this.switches.probes);
    const leader = new AutohealLeader(session.sql, {
      sql: this.sql,
      logger: silent,
      ambient: realAmbient,
      metrics,
      board,
      shop: { parts: this.parts, board, replica: "one", path: OPEN_PATH },
      rules: () => checkRules(rules),
      beatMs: 5_000,
      assertLeading() {},
      ...options,
    });
    const end = async () => {
      await leader.end();
      await session.close();
    };
    await leader.begin();
    const turn = async () => {
      await leader.turn();
      await leader.idle();
    };
    const term: Term = {
      leader,
      registry,
      end,
      turn,
      look: async () => {
        const { looks } = board;
        while (board.looks === looks) await turn();
      },
      metric: async (series) => await metricOf(registry, series),
    };
    this.#terms.push(term);
    return term;
  }

  /** An autoheal that runs by itself, quickly. */
  async start(replica: string, rules: object, options: Partial<AutohealOptions> = {}) {
    const file = join(this.folder, `${replica}.json`);
    await Bun.write(file, JSON.stringify(rules));
    const registry = new Registry();
    const autoheal = new Autoheal({
      openSession: (events) => openSession(this.db.url, "aetherlink_relay", events, `autoheal-${replica}`),
      sql: this.sql,
      logger: silent,
      ambient: realAmbient,
      registry,
      parts: this.parts,
      file,
      replica,
      turnMs: 50,
      leaseMs: 2_000,
      probes: this.switches.probes,
      ...options,
    });
    this.#keep(autoheal);
    await autoheal.start();
    return { autoheal, registry, file };
  }

  /** As new: nothing was decided, and all is well. */
  async reset(): Promise<void> {
    for (const term of this.#terms.splice(0)) await term.end();
    await this.db.sql`truncate autoheal_audit, autoheal_runs, autoheal_breakers, autoheal_acks, autoheal_alerts`;
    for (const probe of PROBES) this.switches.up(probe);
  }

  /** A file that is not there yet. */
  newFile(): string {
    return join(this.folder, `done-${++this.#files}`);
  }

  /** The audit, oldest first. */
  async audit(): Promise<AuditEntry[]> {
    return (await selectAudit(this.sql, { limit: 10_000 })).toReversed();
  }

  /** `phase result` of each entry, oldest first. */
  async story(): Promise<string[]> {
    return (await this.audit()).map(({ phase, result }) => `${phase} ${result}`);
  }

  async stop(): Promise<void> {
    for (const term of this.#terms.splice(0)) await term.end();
    for (const stop of this.#stops.splice(0).toReversed()) await stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #keep(part: { stop(): Promise<void> }): void {
    this.#stops.push(() => part.stop());
  }
}

/** The value of a series as a scrape has it. */
export async function metricOf(registry: Registry, series: string): Promise<number | undefined> {
  const line = (await registry.metrics()).split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

/** An alert as Alertmanager sends it. */
export function alertOf(name: string, n = 1, more: Partial<Alert> = {}): Alert {
  return {
    status: "firing",
    labels: { alertname: name, ...more.labels },
    annotations: {},
    startsAt: "2026-11-23T06:59:00.000Z",
    fingerprint: n.toString(16).padStart(16, "0"),
    ...(more.status === undefined ? {} : { status: more.status }),
    ...(more.startsAt === undefined ? {} : { startsAt: more.startsAt }),
  };
}

/** A command that leaves a line in a file, and fails when told so. */
export const touch = (file: string, exit = 0) => ({
  type: "exec",
  command: ["/bin/sh", "-c", `echo done >> "$0"; exit ${exit}`, file],
  dryRun: false,
});

/** How often that command was run. */
export const linesIn = async (file: string) =>
  (await Bun.file(file).exists()) ? (await Bun.file(file).text()).split("\n").length - 1 : 0;

/** Rules by which the alert `Down` leads to one action. */
export const onAlert = (action: object) => ({
  actions: { act: action },
  rules: [{ alert: "Down", action: "act" }],
});
