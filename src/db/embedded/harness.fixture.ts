/** What the tests of this folder share: folders, a starting program, and waiting for conditions. */
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { z } from "zod";
import type { Account } from "./account.ts";
import { EmbeddedPostgres } from "./index.ts";
import { serversOf, signalServer } from "./processes.ts";
import { identity } from "./run.ts";

export const quiet = { info() {}, warn() {} };
const cleanups: (() => Promise<unknown>)[] = [];

/** Undoes everything that was made through this file, last first. For afterAll. */
export async function cleanUp(): Promise<void> {
  for (const undo of cleanups.splice(0).reverse()) await undo();
}

/** Registers something to undo after the file's tests. */
export function afterwards(undo: () => Promise<unknown>): void {
  cleanups.push(undo);
}

/** A folder of its own, which everyone can enter unless `mode` says otherwise. What runs in it in the end is killed. */
export async function temporaryFolder(name = "", mode = 0o755): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `aetherlink-embedded-${name}`));
  await chmod(folder, mode);
  afterwards(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An EmbeddedPostgres that is stopped after the file's tests. */
export function embedded(dataDir: string, log: typeof quiet | Log = quiet): EmbeddedPostgres {
  const server = new EmbeddedPostgres({ dataDir, log, settings: { fsync: "off" } });
  afterwards(() => server.stop());
  return server;
}

/** Log lines, kept. */
export class Log {
  readonly lines: string[] = [];
  info(_fields: object, message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(_fields: object, message: string): void {
    this.lines.push(`warn ${message}`);
  }
}

/** Runs statements on a connection of their own. */
export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return [...(await sql.unsafe(statement))];
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** Waits until `condition` gives something else than undefined or false. */
export async function until<T>(what: string, condition: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const result = await condition();
    if (result !== undefined && result !== false) return result;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await Bun.sleep(5);
  }
}

/** What `start` gives, as the program of owner.fixture.ts writes it. */
export const startedSchema = z.object({ url: z.string(), adopted: z.boolean(), location: z.string() });

/** The program of owner.fixture.ts in a process group of its own, as Bun runs it from a terminal. */
export class Owner {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(dataDir: string, account?: Account) {
    this.#child = Bun.spawn([process.execPath, join(import.meta.dir, "owner.fixture.ts"), dataDir], {
      cwd: "/",
      env: { HOME: "/nonexistent" },
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
      ...identity(account),
    });
    this.#lines = linesOf(this.#child.stdout);
    afterwards(() => this.kill());
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line that it writes. */
  async line(): Promise<unknown> {
    const { value } = await this.#lines.next();
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** What its `start` gave. */
  async started(): Promise<z.infer<typeof startedSchema>> {
    return startedSchema.parse(await this.line());
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/** Kills all processes of the server of a data folder and waits until they are gone. */
export async function killServer(data: string): Promise<void> {
  await until("PostgreSQL is gone", async () => {
    const pids = await serversOf(data);
    for (const pid of pids) signalServer(pid, "SIGKILL");
    return pids.length === 0;
  });
}

/** Names in a folder, sorted; none when there is no folder. */
export async function names(folder: string): Promise<string[]> {
  const found = await readdir(folder).catch((): string[] => []);
  return found.sort();
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
