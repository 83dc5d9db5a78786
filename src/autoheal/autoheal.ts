import type { Registry } from "prom-client";
import type { Ambient } from "../ambient.ts";
import type { Sql } from "../db/pool.ts";
import type { Session, SessionEvents } from "../db/session.ts";
import { within } from "../deadline.ts";
import type { Logger } from "../metrics/logger.ts";
import { LeadershipLostError, Lease } from "../outbox/index.ts";
import { Pauses } from "../pauses.ts";
import { type AckRequest, acknowledge, type MadeAck } from "./acks.ts";
import { AlertInbox } from "./alerts.ts";
import { CHANNEL } from "./channel.ts";
import { matches } from "./decide.ts";
import { Feed } from "./feed.ts";
import { Follower } from "./follower.ts";
import { AutohealLeader } from "./leader.ts";
import { AutohealMetrics, NO_ACTION } from "./metrics.ts";
import { type Parts, probesOf } from "./parts.ts";
import { ProbeBoard, type Probes } from "./probes.ts";
import { RulesFile } from "./rules-file.ts";

export interface AutohealOptions {
  /** Opens the session that will hold the leader's lock. */
  openSession(events: SessionEvents): Promise<Session>;
  readonly sql: Sql;
  readonly logger: Logger;
  readonly ambient: Ambient;
  readonly registry: Registry;
  readonly parts: Parts;
  /** AUTOHEAL_FILE. */
  readonly file: string;
  /** Name of this server, unlike any other replica's. */
  readonly replica: string;
  /** Milliseconds between turns, looks at the parts included. Default 1,000. */
  readonly turnMs?: number;
  /** Milliseconds between heartbeats, at most 15,000. Default 5,000. */
  readonly beatMs?: number;
  /** Milliseconds of silence after which a leader has lost its lead. Default 10,000. */
  readonly leaseMs?: number;
  /** In place of those of the parts. */
  readonly probes?: Probes;
}

/** Key of the session advisory lock that makes one autoheal the leader: "AEAH" in ASCII. */
const LEADER_LOCK = 0x41_45_41_48;
const TURN_MS = 1_000;
/** Milliseconds between turns while a part is down: the sooner it is sure that it is, the sooner it is mended. */
const UNEASY_MS = 250;
const BEAT_MS = 5_000;
/** A quarter of what makes a heartbeat stale. */
const MAX_BEAT_MS = 15_000;
const LEASE_MS = 10_000;
/** Longest pause between tries to become leader. */
const STANDBY_MS = 500;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** Milliseconds that stop waits for what is under way: a command is given half a second to end. */
const STOP_MS = 2_000;
/** Where programs are looked for; the server's own environment is not passed on. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Watches the parts and mends them: one leader among the replicas by session advisory lock, the others stand by and do their
 * own part of what it decides.
 */
export class Autoheal {
  state: "stopped" | "standby" | "leading" = "stopped";
  readonly rules: RulesFile;
  readonly inbox: AlertInbox;
  readonly feed: Feed;
  readonly #options: AutohealOptions;
  readonly #metrics: AutohealMetrics;
  readonly #follower: Follower;
  #stopping = false;
  #pauses = new Pauses();
  #wake = Promise.withResolvers<void>();
  #woken = false;
  #done: Promise<void> | undefined;
  #session: Session | undefined;
  #backoffMs = BACKOFF_FIRST_MS;

  constructor(options: AutohealOptions) {
    const { sql, logger, ambient, parts, replica, registry, file } = options;
    this.#options = options;
    this.#metrics = new AutohealMetrics(registry);
    this.rules = new RulesFile({
      path: file,
      logger,
      changed: ({ actions }) => this.#metrics.known(Object.keys(actions)),
    });
    this.feed = new Feed();
    this.inbox = new AlertInbox(
      sql,
      () => this.rules.rules.deduplicateSeconds,
      (alert) => {
        const trigger = { kind: "alert", name: alert.labels.alertname ?? "", ...alert } as const;
        const names = new Set(
          this.rules.rules.rules.filter((rule) => matches(rule, trigger)).map((rule) => rule.action),
        );
        for (const name of names.size === 0 ? [NO_ACTION] : names) this.#metrics.decided(name, "duplicate");
      },
    );
    this.#follower = new Follower({
      sql,
      logger,
      ambient,
      parts,
      replica,
      arrived: (entries) => this.feed.tell(entries),
      audited: (write) => this.#metrics.audited(write),
    });
  }

  /** Name of this server, as the audit has it. */
  get replica(): string {
    return this.#options.replica;
  }

  /**
   * Reads the rules, then works in the background; a database that is away is waited for. Safe twice.
   * @throws {RulesError} when AUTOHEAL_FILE is malformed
   */
  async start(): Promise<void> {
    if (this.#done !== undefined) return;
    await this.rules.start();
    this.#stopping = false;
    this.#pauses = new Pauses();
    this.state = "standby";
    this.feed.start();
    this.#follower.start();
    this.#done = this.#run().finally(() => {
      this.#done = undefined;
    });
  }

  /** Ends what is under way and hands over the lead. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#pauses.end();
    this.feed.stop();
    await Promise.all([this.rules.stop(), this.#follower.stop()]);
    if (this.#done !== undefined && (await within(STOP_MS, this.#done)) === "late") await this.#session?.close();
    await this.#done;
    this.state = "stopped";
  }

  /** A person knows of a cause: nothing is done about it for a while. */
  async acknowledge(actor: string, request: AckRequest): Promise<MadeAck> {
    const { sql, ambient, replica } = this.#options;
    return await this.#metrics.audited(acknowledge({ sql, ambient, replica }, actor, request));
  }

  /** Something came or was written: looks at once. */
  wake(): void {
    this.#woken = true;
    this.#wake.resolve();
    this.#follower.wake();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        const wake = () => this.wake();
        this.#session = await this.#options.openSession({ onLost: wake, onNotification: wake });
        try {
          await this.#session.sql.unsafe(`listen ${CHANNEL}`);
          await this.#follow(this.#session);
        } finally {
          if (this.state === "leading") this.state = "standby";
          this.#metrics.standsBy();
          await this.#session.close();
          this.#session = undefined;
        }
      } catch (error) {
        if (this.#stopping) return;
        await this.#backOff(error);
      }
    }
  }

  /** Waits to become leader, then leads until told to stop. Throws when the session fails. */
  async #follow(session: Session): Promise<void> {
    const leaseMs = this.#options.leaseMs ?? LEASE_MS;
    for (;;) {
      const [row] = await inTime(
        leaseMs,
        session.sql<{ leads: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as leads`,
      );
      if (row?.leads) break;
      this.#backoffMs = BACKOFF_FIRST_MS;
      if (this.#stopping) return;
      await this.#pauses.wait(STANDBY_MS);
    }
    if (this.#stopping) return;
    const lease = new Lease(session, leaseMs);
    await lease.begin();
    try {
      await this.#lead(session, lease);
    } finally {
      lease.end();
    }
  }

  async #lead(session: Session, lease: Lease): Promise<void> {
    const { sql, logger, ambient, parts, replica } = this.#options;
    const board = new ProbeBoard(this.#options.probes ?? probesOf(parts));
    const leader = new AutohealLeader(session.sql, {
      sql,
      logger,
      ambient,
      metrics: this.#metrics,
      board,
      shop: { parts, board, replica, path: PATH },
      rules: () => this.rules.rules,
      beatMs: Math.min(this.#options.beatMs ?? BEAT_MS, MAX_BEAT_MS),
      assertLeading: () => lease.assert(),
    });
    try {
      await leader.begin();
      this.state = "leading";
      this.#metrics.leads();
      logger.info({ replica }, "autoheal leads");
      while (!this.#stopping) {
        lease.assert();
        this.#woken = false;
        await this.#turn(leader, lease);
        this.#backoffMs = BACKOFF_FIRST_MS;
        if (!this.#woken) {
          this.#wake = Promise.withResolvers<void>();
          const turnMs = this.#options.turnMs ?? TURN_MS;
          await this.#pauses.wait(leader.isUneasy ? Math.min(turnMs, UNEASY_MS) : turnMs, this.#wake.promise);
        }
      }
    } finally {
      await leader.end();
    }
  }

  /** A turn that the database fails is tried again as long as the session lives. */
  async #turn(leader: AutohealLeader, lease: Lease): Promise<void> {
    try {
      await leader.turn();
    } catch (error) {
      if (this.#stopping || error instanceof LeadershipLostError) throw error;
      lease.assert();
      await this.#backOff(error);
    }
  }

  async #backOff(error: unknown): Promise<void> {
    const ms = this.#backoffMs * (0.5 + Math.random() / 2);
    const message = "autoheal is interrupted and does nothing, will try again";
    this.#options.logger.warn({ err: error, retryMs: Math.round(ms) }, message);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS);
    await this.#pauses.wait(ms);
  }
}

/** A database that is gone without a word must not be waited for as long as TCP does. */
async function inTime<T>(ms: number, answer: Promise<T>): Promise<T> {
  const result = await within(ms, answer);
  if (result === "late") throw new LeadershipLostError(`the database did not answer within ${ms} ms`);
  return result;
}
