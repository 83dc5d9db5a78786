import { DATABASE, prepareCluster } from "./cluster.ts";
import { EmbeddedPostgresError } from "./errors.ts";
import { launch } from "./launch.ts";
import { claim, type Ownership } from "./ownership.ts";
import type { Placement } from "./placement.ts";
import { endOrphans, endPostmaster, findPostmaster, type Postmaster, removeStalePidFile } from "./postmaster.ts";

/** What bringing up needs to know. */
export interface BringUp {
  /** As the user knows it; for error messages. */
  readonly dataDir: string;
  readonly placement: Placement;
  readonly password: string;
  /** Path of PostgreSQL's log. */
  readonly logFile: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Told when another AetherLink takes the folder over later on. */
  readonly onTaken: () => void;
  /** Its reason is what is thrown. */
  readonly signal: AbortSignal;
}

/** A server that runs and is ours. */
export interface Up {
  readonly url: string;
  readonly adopted: boolean;
  readonly ownership: Ownership;
}

/** Milliseconds for which another AetherLink may still hold the data folder. */
const CLAIM_MS = 3_000;
/** How often a server that cannot be connected to is mended, and how often a launch that lost a race is repeated. */
const MENDS = 2;
const LAUNCHES = 10;
const POLL_MS = 10;

/**
 * Adopts the server that runs on the data folder or launches one, connects and takes the lock of ownership. One that
 * cannot be connected to is stopped, mended and launched anew.
 * @throws {EmbeddedPostgresError} when that fails, or another AetherLink uses the folder; only in the latter case is a
 *   server that was launched here left running
 */
export async function bringUp(want: BringUp): Promise<Up> {
  for (let mends = 0; ; mends++) {
    const { postmaster, adopted } = await adoptOrLaunch(want);
    const url = `postgres://${DATABASE}:${want.password}@127.0.0.1:${postmaster.port}/${DATABASE}`;
    const { data } = want.placement;
    const outcome = await claim(url, CLAIM_MS, want.onTaken, want.signal).catch(async (error: unknown) => {
      if (!adopted) await endPostmaster(postmaster.pid, data);
      throw error;
    });
    if (outcome.kind === "owned") return { url, adopted, ownership: outcome.ownership };
    if (outcome.kind === "busy") {
      throw new EmbeddedPostgresError(
        `another AetherLink already uses ${want.dataDir}: stop it, or set DATA_DIR to another folder`,
      );
    }
    await endPostmaster(postmaster.pid, data, outcome.kind === "silent" ? "harsh" : "gentle");
    if (mends === MENDS) throw failed(want, outcome.reason);
    if (outcome.kind === "unprepared") await prepareCluster(want.placement, want.password);
  }
}

async function adoptOrLaunch(want: BringUp): Promise<{ postmaster: Postmaster; adopted: boolean }> {
  const { data } = want.placement;
  for (let launches = 0; ; ) {
    want.signal.throwIfAborted();
    const running = await findPostmaster(data);
    if (running?.state === "ready") return { postmaster: running, adopted: true };
    if (running?.state === "stopping") await endPostmaster(running.pid, data);
    if (running?.state === "starting") await Bun.sleep(POLL_MS);
    if (running) continue;
    await removeStalePidFile(data);
    const launched = await launch(want.placement, want.logFile, want.settings, want.signal);
    if ("postmaster" in launched) return { postmaster: launched.postmaster, adopted: false };
    if (launched.why === "broken" || ++launches === LAUNCHES) throw failed(want, launched.complaint);
    if (launched.why === "memory held") await endOrphans(data);
  }
}

function failed(want: BringUp, reason: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(`PostgreSQL did not start in ${want.dataDir}: ${reason} (see ${want.logFile})`);
}
