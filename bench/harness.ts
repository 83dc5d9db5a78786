/** What the benches share: statistics, a PostgreSQL of their own, a word about the machine. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { EmbeddedPostgres } from "../src/db/embedded/index.ts";
import { migrate } from "../src/db/migrate.ts";

export type Numbers = number[];
export const median = (numbers: Numbers) => quantile(numbers, 0.5);
export const quantile = (numbers: Numbers, q: number) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};
/** Median (lowest – highest). */
export const spread = (numbers: Numbers, digits = 0) => {
  const show = (n: number) => n.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${show(median(numbers))} (${show(Math.min(...numbers))} – ${show(Math.max(...numbers))})`;
};
export const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Bun ${Bun.version}`;

/** A PostgreSQL 18 with its usual durability, in a folder that goes with it. */
export class Database {
  readonly #server: EmbeddedPostgres;
  readonly #folder: string;
  readonly url: string;
  #made = 0;

  private constructor(server: EmbeddedPostgres, folder: string, url: string) {
    this.#server = server;
    this.#folder = folder;
    this.url = url;
  }

  static async start(): Promise<Database> {
    const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
    await chmod(folder, 0o755);
    // Commit times to the microsecond are what commit → Kafka is measured from.
    const settings = { track_commit_timestamp: "on", shared_buffers: "512MB", max_wal_size: "4GB" };
    const server = new EmbeddedPostgres({ dataDir: folder, log: { info() {}, warn() {} }, settings });
    const { url } = await server.start();
    return new Database(server, folder, url);
  }

  /** A new database with our schema. */
  async create(): Promise<{ url: string; sql: postgres.Sql }> {
    const admin = postgres(this.url, { max: 1, onnotice: () => {} });
    const name = `bench_${++this.#made}`;
    await admin`create database ${admin(name)}`;
    await admin.end();
    const url = new URL(this.url);
    url.pathname = `/${name}`;
    const sql = postgres(url.href, { max: 20, onnotice: () => {} });
    await migrate(sql);
    return { url: url.href, sql };
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
