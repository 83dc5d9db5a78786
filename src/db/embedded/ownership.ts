import postgres from "postgres";
import { errorCode } from "./errors.ts";

/**
 * Key of the session advisory lock, in the database `aetherlink`, that says "an AetherLink uses this data folder":
 * "AEPG" in ASCII. Held by the one connection named `aetherlink-owner`.
 */
export const OWNER_LOCK_KEY = 0x41_45_50_47;

/** How an attempt to take the data folder ended. */
export type Claim =
  | { readonly kind: "owned"; readonly ownership: Ownership }
  /** Another AetherLink has it. */
  | { readonly kind: "busy" }
  /** The password is another one, or the database is missing. */
  | { readonly kind: "unprepared"; readonly reason: string }
  /** It cannot be connected to. */
  | { readonly kind: "silent"; readonly reason: string };

const POLL_MS = 50;
const RETAKE_MIN_MS = 50;
const RETAKE_MAX_MS = 5_000;
const RETAKE_TRIES_WHILE_BUSY = 10;
/** Wrong password, no such user (PostgreSQL says either way), no such database. */
const UNPREPARED = new Set(["28P01", "28000", "3D000"]);
/** All connections are in use, so someone is at it. */
const FULL = "53300";

/**
 * Takes the data folder: tries for a while, since under `bun --watch` the predecessor may just be going away.
 * @param url of the database, as superuser
 * @param patienceMs how long a living other owner, or a server that does not answer, is waited for
 */
export async function claim(url: string, patienceMs: number, onTaken: () => void, signal: AbortSignal): Promise<Claim> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const outcome = await attempt(url, Math.ceil(patienceMs / 1000), onTaken);
    if (outcome.kind === "owned" || outcome.kind === "unprepared" || performance.now() > deadline) return outcome;
    await Bun.sleep(POLL_MS);
    signal.throwIfAborted();
  }
}

async function attempt(url: string, timeoutS: number, onTaken: () => void): Promise<Claim> {
  const ownership = new Ownership(url, timeoutS, onTaken);
  try {
    if (await ownership.take()) return { kind: "owned", ownership };
    await ownership.close();
    return { kind: "busy" };
  } catch (error) {
    await ownership.close();
    const code = errorCode(error) ?? "";
    const reason = error instanceof Error ? error.message : String(error);
    if (code === FULL) return { kind: "busy" };
    return UNPREPARED.has(code) ? { kind: "unprepared", reason } : { kind: "silent", reason };
  }
}

/** The connection that holds the lock. When it drops it is made again and the lock taken again, quietly. */
export class Ownership {
  readonly #sql: postgres.Sql;
  readonly #onTaken: () => void;
  #state: "claiming" | "held" | "retaking" | "taken" | "closed" = "claiming";
  #timer: Timer | undefined;

  /** @param onTaken told when, after the connection dropped, another AetherLink was faster to take the lock */
  constructor(url: string, connectTimeoutS: number, onTaken: () => void) {
    this.#onTaken = onTaken;
    this.#sql = postgres(url, {
      max: 1,
      connect_timeout: connectTimeoutS,
      // By default a connection is replaced after 30 to 60 minutes, and the lock would go with it.
      max_lifetime: null,
      fetch_types: false,
      connection: { application_name: "aetherlink-owner" },
      onnotice: () => {},
      onclose: () => this.#dropped(),
    });
  }

  /** False once another AetherLink has the data folder. */
  get isOurs(): boolean {
    return this.#state !== "taken";
  }

  /** Takes the lock. @returns false when someone else holds it */
  async take(): Promise<boolean> {
    const [row] = await this.#sql<{ locked: boolean }[]>`select pg_try_advisory_lock(${OWNER_LOCK_KEY}) as locked`;
    if (row?.locked && this.#state !== "closed") this.#state = "held";
    return row?.locked === true;
  }

  /** Gives the lock back. Safe twice, never throws. */
  async close(): Promise<void> {
    this.#state = "closed";
    clearTimeout(this.#timer);
    await this.#sql.end({ timeout: 0 }).catch(() => {});
  }

  #dropped(): void {
    if (this.#state !== "held") return;
    this.#state = "retaking";
    this.#retakeIn(RETAKE_MIN_MS, RETAKE_TRIES_WHILE_BUSY);
  }

  #retakeIn(pauseMs: number, tries: number): void {
    this.#timer = setTimeout(() => void this.#retake(pauseMs, tries), pauseMs);
    this.#timer.unref();
  }

  async #retake(pauseMs: number, tries: number): Promise<void> {
    // Undefined: the server is away, perhaps restarting after a crash of one of its processes.
    const isTaken = await this.take().catch(() => undefined);
    if (isTaken === true || this.#state === "closed") return;
    const triesLeft = isTaken === false ? tries - 1 : tries;
    if (triesLeft > 0) return this.#retakeIn(Math.min(pauseMs * 2, RETAKE_MAX_MS), triesLeft);
    this.#state = "taken";
    this.#onTaken();
  }
}
