import type { Ambient } from "../ambient.ts";
import type { Sql } from "../db/pool.ts";
import type { Logger } from "../metrics/logger.ts";
import { isForAll, mendOwn } from "./actions/act.ts";
import { type AuditEntry, type NewEntry, newestAuditId, selectAuditAfter, writeEntry } from "./audit.ts";
import type { Parts } from "./parts.ts";
import { ACTION_TYPES, type ActionType } from "./rules.ts";

export interface FollowerOptions {
  readonly sql: Sql;
  readonly logger: Logger;
  readonly ambient: Ambient;
  readonly parts: Parts;
  /** Name of this server. */
  readonly replica: string;
  /** Told new entries, oldest first. */
  readonly arrived: (entries: readonly AuditEntry[]) => void;
  /** Times what is written to the audit. */
  readonly audited: <T>(write: Promise<T>) => Promise<T>;
  /** Milliseconds between looks when nothing woke it. Default 2,000. */
  readonly lookMs?: number;
}

const LOOK_MS = 2_000;
const BATCH = 500;
/** Ids that are looked at again: one with a lower id may commit later. */
const LOOK_BACK = 200;
/** Milliseconds after which another's order is too old to be followed, as after a time without a database. */
const FRESH_MS = 30_000;

/**
 * Follows the audit in every replica: hands new entries to whoever watches, and does its own part of what the leader began
 * for all: each replica has a relay, a reader and connections of its own, and the leader can only reach its own.
 */
export class Follower {
  readonly #options: FollowerOptions;
  /** The newest id when we came, and now. */
  #first: bigint | undefined;
  #last: bigint | undefined;
  readonly #seen = new Set<string>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #isStopped = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Looks now and then in the background; survives a database that is away. */
  start(): void {
    this.#isStopped = false;
    this.#timer ??= setInterval(() => this.wake(), this.#options.lookMs ?? LOOK_MS);
    this.wake();
  }

  /** Waits for the look under way. Safe twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  /** Something was written: looks at once. */
  wake(): void {
    if (this.#isStopped) return;
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  async #look(): Promise<void> {
    while (this.#again && !this.#isStopped) {
      this.#again = false;
      try {
        await this.#read();
      } catch (error) {
        this.#options.logger.debug({ err: error }, "the audit of autoheal could not be read, will try again");
      }
    }
  }

  async #read(): Promise<void> {
    const { sql, arrived } = this.#options;
    // What was before we came is history: nobody here watched, and nothing of it is to be done.
    this.#first ??= BigInt(await newestAuditId(sql));
    this.#last ??= this.#first;
    const back = this.#last - BigInt(LOOK_BACK);
    const from = back > this.#first ? back : this.#first;
    const entries = await selectAuditAfter(sql, String(from), BATCH + LOOK_BACK);
    const fresh = entries.filter(({ id }) => !this.#seen.has(id));
    if (fresh.length === 0) return;
    for (const { id } of fresh) this.#remember(id);
    arrived(fresh);
    for (const entry of fresh) await this.#follow(entry);
    this.#again ||= fresh.length >= BATCH;
  }

  #remember(id: string): void {
    this.#seen.add(id);
    if (this.#last === undefined || BigInt(id) > this.#last) this.#last = BigInt(id);
    if (this.#seen.size <= 4 * (BATCH + LOOK_BACK)) return;
    const oldest = this.#seen.values().next().value;
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  async #follow(entry: AuditEntry): Promise<void> {
    const { replica, parts, sql, ambient, logger, audited } = this.#options;
    const type = typeOf(entry);
    if (entry.phase !== "started" || entry.replica === replica || type === undefined || !isForAll(type)) return;
    if (ambient.now().getTime() - Date.parse(entry.at) > FRESH_MS) return;
    const began = performance.now();
    const done = await mendOwn(parts, type).then(
      (detail) => ({ result: "executed", detail }),
      (error: unknown) => ({ result: "error", detail: error instanceof Error ? error.message : String(error) }),
    );
    const durationMs = Math.round((performance.now() - began) * 10) / 10;
    logger.info(
      { action: entry.action, leader: entry.replica, ...done },
      "autoheal's leader asked this replica to act",
    );
    const { id: _, at: __, ...rest } = entry;
    const written: NewEntry = { ...rest, ...done, phase: "replica", replica, durationMs };
    await audited(writeEntry(sql, written));
  }
}

function typeOf({ input }: AuditEntry): ActionType | undefined {
  return ACTION_TYPES.find((type) => type === input.type);
}
