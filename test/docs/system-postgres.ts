import { closeSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { type Account, isRoot, unprivilegedAccount } from "../../src/db/embedded/account.ts";
import { CHILD_ENV, identity, run } from "../../src/db/embedded/run.ts";
import { freePort, makeBelow } from "../support/folder.ts";
import { until } from "../support/wait.ts";

const DEBIAN = "/usr/lib/postgresql";

/** Folder of the system's own PostgreSQL programs: the newest of Debian's, else where pg_dump and initdb are; undefined without. */
export function postgresPrograms(): string | undefined {
  const versions = safely(() => readdirSync(DEBIAN)).toSorted((a, b) => Number(b) - Number(a));
  const folders = [...versions.map((version) => join(DEBIAN, version, "bin")), ...(process.env.PATH ?? "").split(":")];
  return folders.find((folder) => {
    const names = new Set(safely(() => readdirSync(folder)));
    return ["initdb", "postgres", "pg_dump", "pg_basebackup"].every((name) => names.has(name));
  });
}

function safely(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}

/** A PostgreSQL server made by the system's programs, which everyone on this machine may enter as `postgres`. */
export class Cluster {
  /** On the database `postgres`, and on `crm`; both reconnect by themselves. */
  readonly sql: postgres.Sql;
  readonly database: postgres.Sql;
  #child: Bun.Subprocess | undefined;

  private constructor(
    readonly port: number,
    /** The user that it runs as; undefined: ours. */
    readonly account: Account | undefined,
  ) {
    const open = (name: string) => postgres(this.url(name, "postgres"), { max: 1, onnotice: () => {} });
    this.sql = open("postgres");
    this.database = open("crm");
  }

  /**
   * @param programs folder of its programs
   * @param name of the folder below `folder` that it works in
   */
  static async start(
    programs: string,
    folder: string,
    name: string,
    settings: Record<string, string>,
  ): Promise<Cluster> {
    const account = isRoot() ? unprivilegedAccount() : undefined;
    const at = await makeBelow(folder, name);
    if (account !== undefined) await run(["chown", "-R", String(account.uid), folder]);
    const cluster = new Cluster(freePort(24_811), account);
    const data = join(at, "data");
    const made = await run(
      [join(programs, "initdb"), "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "-N"],
      account,
    );
    if (made.code !== 0) throw new Error(made.output);
    // In the file, so that a copy of the data has them as well.
    const all = {
      port: String(cluster.port),
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      fsync: "off",
      ...settings,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key} = '${value}'\n`);
    await Bun.write(join(data, "postgresql.auto.conf"), lines.join(""));
    const log = openSync(join(at, "log"), "a");
    cluster.#child = Bun.spawn([join(programs, "postgres"), "-D", data], {
      cwd: at,
      env: CHILD_ENV,
      stdio: ["ignore", log, log],
      ...identity(account),
    });
    closeSync(log);
    await until("PostgreSQL answers", 60_000, async () => (await cluster.sql`select 1`).length === 1);
    return cluster;
  }

  /** URL of one of its databases. */
  url(database: string, user = "crm"): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** Stops the process; whoever takes its port afterwards is asked by the same `sql`. */
  async halt(): Promise<void> {
    this.#child?.kill("SIGINT");
    await this.#child?.exited;
  }

  /** Stops it, and ends the connections. */
  async stop(): Promise<void> {
    await Promise.all([this.sql.end({ timeout: 1 }), this.database.end({ timeout: 1 })]);
    await this.halt();
  }
}
