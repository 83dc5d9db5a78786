import { join } from "node:path";
import type { PackedServer } from "../../packed.ts";
import { isRoot, unprivilegedAccount } from "./account.ts";
import { bringUp } from "./bring-up.ts";
import { createCluster, readPassword, syncCluster } from "./cluster.ts";
import { EmbeddedPostgresError } from "./errors.ts";
import type { Ownership } from "./ownership.ts";
import { type Placement, place } from "./placement.ts";
import { endPostmaster, findPostmaster } from "./postmaster.ts";
import { makeFolder, systemFolder } from "./reach.ts";
import { findServerFiles, type ServerFiles, unpackServerFiles } from "./server-files.ts";
import { keepLogShort, shortenLog } from "./server-log.ts";
import { sweepTemporary } from "./temporary.ts";

export interface EmbeddedPostgresOptions {
  /** Absolute path of the folder for data (`postgres`), password (`postgres.password`) and log (`postgres.log`). */
  readonly dataDir: string;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** PostgreSQL settings that go before ours, such as `{ fsync: "off" }`. They do not reach a server that is adopted. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Programs that a compiled binary carries, for where none are installed. */
  readonly packed?: PackedServer | undefined;
}

/** A server that runs. */
export interface EmbeddedPostgresStarted {
  /** postgres:// URL of the database `aetherlink`, as superuser. It holds the password. */
  readonly url: string;
  /** True when the server was running already, left behind by an AetherLink that was killed or restarted. */
  readonly adopted: boolean;
  /** The data folder, without symbolic links. */
  readonly location: string;
}

/** Milliseconds to start in, replaying a long log included. */
const START_MS = 120_000;

/**
 * A real PostgreSQL 18 in a process of its own, which keeps its data between runs.
 *
 * It listens on 127.0.0.1 only, on another port at each start. Where this process dies without `stop` the server goes
 * on, and the next `start` on the same folder adopts it. One AetherLink at a time can use a data folder.
 */
export class EmbeddedPostgres {
  readonly #options: EmbeddedPostgresOptions;
  /** Starts and stops run one after the other, in the order they were called in. */
  #queue: Promise<unknown> = Promise.resolve();
  #started: Promise<EmbeddedPostgresStarted> | undefined;
  #stopped: Promise<void> = Promise.resolve();
  #abort = new AbortController();
  #running: { data: string; ownership: Ownership; endLogCheck: () => void; synced: Promise<void> } | undefined;

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options;
  }

  /**
   * Starts or adopts the server, on first start making its data. A second call gives the result of the first; after a
   * failure or `stop` it starts again.
   * @throws {EmbeddedPostgresError} when it cannot run, or another AetherLink uses the folder
   */
  start(): Promise<EmbeddedPostgresStarted> {
    if (this.#started) return this.#started;
    const abort = new AbortController();
    this.#abort = abort;
    const started = this.#inTurn(() => this.#start(abort));
    this.#started = started;
    started.catch(() => {
      if (this.#started === started) this.#started = undefined;
    });
    return started;
  }

  /**
   * Stops the server, also one that was adopted; resolves when its process is gone, and leaves alone what another
   * AetherLink has taken over. During `start` it makes that fail. Safe twice and before `start`.
   * @throws {EmbeddedPostgresError} when the process cannot be ended
   */
  stop(): Promise<void> {
    if (!this.#started) return this.#stopped;
    this.#started = undefined;
    this.#abort.abort(new EmbeddedPostgresError("embedded PostgreSQL was stopped while it was starting"));
    this.#stopped = this.#inTurn(() => this.#stop());
    return this.#stopped;
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(step);
    this.#queue = done.catch(() => {});
    return done;
  }

  async #start(abort: AbortController): Promise<EmbeddedPostgresStarted> {
    const { dataDir } = this.#options;
    const late = new EmbeddedPostgresError(
      `PostgreSQL did not come up in ${START_MS / 1000} s: see its log in ${dataDir}`,
    );
    const timer = setTimeout(() => abort.abort(late), START_MS);
    try {
      return await this.#bringUp(abort.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #bringUp(signal: AbortSignal): Promise<EmbeddedPostgresStarted> {
    const { dataDir, log, settings = {} } = this.#options;
    const { placement, password } = await this.#prepare(signal);
    if (placement.link) {
      log.info(
        { location: placement.data },
        `the PostgreSQL user cannot reach ${dataDir}, so its data is kept elsewhere`,
      );
    }
    const logFile = join(dataDir, "postgres.log");
    await shortenLog(logFile);
    const onTaken = () =>
      log.warn({ dataDir }, "the connection to PostgreSQL dropped and another AetherLink took over");
    const { data } = placement;
    const { url, adopted, ownership } = await bringUp({
      dataDir,
      placement,
      password,
      logFile,
      settings,
      onTaken,
      signal,
    });
    const isNew = !placement.exists && settings.fsync !== "off";
    const synced = isNew ? syncCluster(placement) : Promise.resolve();
    this.#running = { data, ownership, endLogCheck: keepLogShort(logFile), synced };
    return { url, adopted, location: data };
  }

  /** Finds the server files and the data, making what is missing. */
  async #prepare(signal: AbortSignal): Promise<{ placement: Placement; password: string }> {
    const { dataDir, log } = this.#options;
    signal.throwIfAborted();
    const found = findServerFiles() ?? (await this.#unpack());
    if (!found) {
      throw new EmbeddedPostgresError(
        `embedded PostgreSQL is not installed for ${process.platform}-${process.arch}: set DATABASE_URL to a PostgreSQL 15 or newer`,
      );
    }
    const placement = await place(dataDir, found, (message) => log.warn({}, message));
    const password = await readPassword(dataDir);
    if (placement.exists) return { placement, password };
    const data = await createCluster(placement, password);
    return { placement: { ...placement, data }, password };
  }

  /** As root into a folder that the user whom PostgreSQL runs as can reach. */
  async #unpack(): Promise<ServerFiles | undefined> {
    const { dataDir, packed } = this.#options;
    if (packed === undefined) return undefined;
    const parent = isRoot() ? await systemFolder(unprivilegedAccount()) : dataDir;
    await makeFolder(parent);
    await sweepTemporary(parent);
    return await unpackServerFiles(packed, parent);
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.endLogCheck();
    try {
      // The lock is held until the server is gone, so that no other AetherLink adopts it in its last moments.
      const postmaster = running.ownership.isOurs ? await findPostmaster(running.data) : undefined;
      if (postmaster) await endPostmaster(postmaster.pid, running.data);
    } finally {
      await Promise.all([running.ownership.close(), running.synced]);
    }
  }
}
