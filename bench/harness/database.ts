/** A PostgreSQL 18 of a benchmark's own. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { EmbeddedPostgres } from "../../src/db/embedded/index.ts";
import { migrate } from "../../src/db/migrate.ts";
import { parentOf } from "./proc.ts";

/** With its usual durability, in a folder that goes with it. */
export class Database {
  readonly #server: EmbeddedPostgres;
  readonly #folder: string;
  readonly url: string;
  /** The postmaster's process id. */
  readonly pid: number;
  readonly #open: postgres.Sql[] = [];
  #made = 0;

  private constructor(server: EmbeddedPostgres, folder: string, url: string, pid: number) {
    this.#server = server;
    this.#folder = folder;
    this.url = url;
    this.pid = pid;
  }

  /** @param more settings beside ours */
  static async start(more: Record<string, string> = {}): Promise<Database> {
    const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
    await chmod(folder, 0o755);
    // Commit times to the microsecond are what commit → Kafka is measured from.
    const settings = { track_commit_timestamp: "on", shared_buffers: "512MB", max_wal_size: "4GB", ...more };
    const server = new EmbeddedPostgres({ dataDir: folder, log: { info() {}, warn() {} }, settings });
    const { url } = await server.start();
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const pid = parentOf(row?.pid ?? 0);
    await sql.end();
    return new Database(server, folder, url, pid);
  }

  /** A new database with our schema; its connections end with the server. */
  async create(): Promise<{ url: string; sql: postgres.Sql }> {
    const admin = postgres(this.url, { max: 1, onnotice: () => {} });
    const name = `bench_${++this.#made}`;
    await admin`create database ${admin(name)}`;
    await admin.end();
    const url = new URL(this.url);
    url.pathname = `/${name}`;
    const sql = postgres(url.href, { max: 20, onnotice: () => {} });
    this.#open.push(sql);
    await migrate(sql);
    return { url: url.href, sql };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.map((sql) => sql.end({ timeout: 1 })));
    await this.#server.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
