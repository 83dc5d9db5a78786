import { rmSync } from "node:fs";
import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { EmbeddedPostgres } from "../../src/db/embedded/index.ts";

/**
 * One PostgreSQL for the whole test run, started when the first test file asks for a database. Each file gets its own,
 * cloned from a template that was migrated once:
 *
 *     let db: TestDatabase;
 *     beforeAll(async () => { db = await testDatabase(); });
 *     afterAll(() => db.drop());
 */

/** A database of one test file. */
export interface TestDatabase {
  /** postgres:// URL, as superuser. */
  readonly url: string;
  /** A pool on it, of 4 connections. Ended by `drop`. */
  readonly sql: postgres.Sql;
  /**
   * Ends `sql` and drops the database. To be called when everything else that connected has been stopped.
   * @throws {Error} naming the connections that are still open, which the test file has leaked
   */
  drop(): Promise<void>;
}

/** Makes the template's tables. It may open connections, and has closed them when it resolves. */
export type Prepare = (url: string) => Promise<void>;

const TEMPLATE = "template_aetherlink";
/** Milliseconds for which a closed connection may still be seen by the server. */
const CLOSING_MS = 2_000;
/** Nothing has to survive a crash here. */
const SETTINGS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "200" };

let server: Promise<TestServer> | undefined;

/** A new database with the schema of `migrate`. */
export async function testDatabase(): Promise<TestDatabase> {
  const madeAt = callerOf(testDatabase);
  return (await startedServer()).clone(madeAt);
}

/** URL of the database `aetherlink` of the same server, as superuser: for tests that terminate backends and the like. */
export async function adminUrl(): Promise<string> {
  return (await startedServer()).url;
}

/**
 * Stops the server, if one was started. For the preload of `bun test`, after all files.
 * @throws {Error} naming the test files that did not drop their database
 */
export async function stopTestServer(): Promise<void> {
  const started = server;
  server = undefined;
  // A start that failed has cleaned up and failed its test.
  await (await started?.catch(() => undefined))?.stop();
}

function startedServer(): Promise<TestServer> {
  server ??= TestServer.start(migrateUrl);
  return server;
}

/** Imported only here, so that a run without a database does not load it. */
async function migrateUrl(url: string): Promise<void> {
  const { migrate } = await import("../../src/db/migrate.ts");
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await migrate(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The server and what was cloned on it. */
export class TestServer {
  readonly url: string;
  readonly #folder: string;
  readonly #postgres: EmbeddedPostgres;
  readonly #admin: postgres.Sql;
  /** Where each database was asked for, by its name. */
  readonly #clones = new Map<string, string>();
  /** A template is copied for one at a time. */
  #queue: Promise<unknown> = Promise.resolve();
  #made = 0;

  private constructor(folder: string, server: EmbeddedPostgres, url: string) {
    this.#folder = folder;
    this.#postgres = server;
    this.url = url;
    this.#admin = postgres(url, { max: 1, onnotice: () => {} });
  }

  /** Starts PostgreSQL in a folder of its own and makes the template. */
  static async start(prepare: Prepare): Promise<TestServer> {
    const folder = await mkdtemp(join(tmpdir(), "aetherlink-test-"));
    // Else PostgreSQL, which does not run as root, could not go there, and would keep its data in /var/lib.
    await chmod(folder, 0o755);
    reapWhenWeEnd(folder);
    const embedded = new EmbeddedPostgres({ dataDir: folder, log: { info() {}, warn() {} }, settings: SETTINGS });
    try {
      const { url } = await embedded.start();
      const server = new TestServer(folder, embedded, url);
      await server.#admin`create database ${server.#admin(TEMPLATE)}`;
      await prepare(databaseUrl(url, TEMPLATE));
      return server;
    } catch (error) {
      await embedded.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** @param madeAt told when the database is not dropped */
  async clone(madeAt: string): Promise<TestDatabase> {
    const name = `test_${++this.#made}`;
    const made = this.#queue.then(
      () => this.#admin`create database ${this.#admin(name)} template ${this.#admin(TEMPLATE)}`,
    );
    this.#queue = made.catch(() => {});
    await made;
    this.#clones.set(name, madeAt);
    const url = databaseUrl(this.url, name);
    const sql = postgres(url, { max: 4, onnotice: () => {} });
    return { url, sql, drop: () => this.#drop(name, sql) };
  }

  /** Stops PostgreSQL and removes its folder. */
  async stop(): Promise<void> {
    try {
      await this.#admin.end({ timeout: 1 });
      await this.#postgres.stop();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
    if (this.#clones.size === 0) return;
    const where = [...this.#clones.values()].join("\n  ");
    throw new Error(`test databases that were not dropped; call drop() in afterAll. They were made at\n  ${where}`);
  }

  async #drop(name: string, sql: postgres.Sql): Promise<void> {
    if (!this.#clones.delete(name)) return;
    await sql.end({ timeout: 1 });
    const open = await this.#openConnections(name);
    await this.#admin`drop database ${this.#admin(name)} with (force)`;
    if (open.length === 0) return;
    const lines = open.map((row) => `  ${row.application_name || "?"} (${row.state}), last statement: ${row.query}`);
    throw new Error(
      `this test file left ${open.length} database connections open; stop what they belong to before drop():\n${lines.join("\n")}`,
    );
  }

  /** Connections to a database that do not go away. */
  async #openConnections(name: string): Promise<{ application_name: string; state: string; query: string }[]> {
    const deadline = performance.now() + CLOSING_MS;
    for (;;) {
      const rows = await this.#admin<{ application_name: string; state: string; query: string }[]>`
        select application_name, state, left(query, 200) as query from pg_stat_activity
        where datname = ${name} and backend_type = 'client backend'`;
      if (rows.length === 0 || performance.now() > deadline) return [...rows];
      await Bun.sleep(10);
    }
  }
}

/**
 * Starts a shell that waits until this process is gone, however it went, then kills PostgreSQL and removes the folder.
 * `bun test` 1.4.5 runs neither afterAll nor process.on("exit") after --bail, and nothing after Ctrl-C or kill -9; but
 * the pipe to the shell closes in every case. (Only a test that times out kills it, with all that was started in that
 * test; then afterAll is left to clean up.)
 */
function reapWhenWeEnd(folder: string): void {
  const script = `
    cat > /dev/null
    pid=$(head -n 1 "$1/postgres/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" 2> /dev/null &&
      while kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
    rm -rf "$1"`;
  const reaper = Bun.spawn(["/bin/sh", "-c", script, "aetherlink-test-reaper", folder], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    // Out of the reach of Ctrl-C.
    detached: true,
  });
  reaper.unref();
}

function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** "file:line" from which `callee` was called. */
function callerOf(callee: (...args: never[]) => unknown): string {
  const mark = new Error();
  Error.captureStackTrace(mark, callee);
  return mark.stack?.split("\n")[1]?.trim().replace(/^at /, "") ?? "an unknown place";
}
