import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { until } from "./wait.ts";

/** Debian's PgBouncer, or undefined: then its tests are left out, but in CI that is a failure. */
export function pgbouncerPath(): string | undefined {
  const path = Bun.which("pgbouncer", { PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` });
  if (path === null && process.env.CI) throw new Error("pgbouncer must be installed in CI");
  return path ?? undefined;
}

export interface PoolerOptions {
  /** Where the database itself is. */
  readonly url: string;
  readonly mode: "transaction" | "session";
  /** Server connections at most. */
  readonly size: number;
}

/** A PgBouncer as a process of its own: https://www.pgbouncer.org/config.html */
export class PgBouncer {
  readonly #process: Bun.Subprocess;
  readonly #folder: string;
  readonly #port: number;
  /** The database through the pooler. */
  readonly url: string;

  private constructor(child: Bun.Subprocess, folder: string, port: number, url: string) {
    this.#process = child;
    this.#folder = folder;
    this.#port = port;
    this.url = url;
  }

  static async start({ url, mode, size }: PoolerOptions): Promise<PgBouncer> {
    const { hostname, port: target, username, password, pathname } = new URL(url);
    const folder = await mkdtemp(join(tmpdir(), "aetherlink-pgbouncer-"));
    // It does not run as root, and has to read its file when it is another user.
    await chmod(folder, 0o755);
    const port = freePort();
    const user = process.getuid?.() === 0 ? "user = nobody" : "";
    const server = `host=${hostname} port=${target} user=${username} password='${decodeURIComponent(password)}'`;
    await Bun.write(
      join(folder, "pgbouncer.ini"),
      `[databases]
      * = ${server}
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = ${port}
      unix_socket_dir =
      auth_type = any
      admin_users = watcher
      pool_mode = ${mode}
      default_pool_size = ${size}
      ${user}`,
    );
    const command = [pgbouncerPath() ?? "pgbouncer", "-q", join(folder, "pgbouncer.ini")];
    const child = Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"] });
    const bouncer = new PgBouncer(child, folder, port, `postgres://${username}@127.0.0.1:${port}${pathname}`);
    await until("PgBouncer answers", 10_000, async () => (await bouncer.pools()).length > 0);
    return bouncer;
  }

  /** What its own console tells of each pool. */
  async pools(): Promise<Record<string, string>[]> {
    const console = postgres(`postgres://watcher@127.0.0.1:${this.#port}/pgbouncer`, {
      max: 1,
      prepare: false,
      fetch_types: false,
      connect_timeout: 2,
      onnotice: () => {},
    });
    try {
      return [...(await console.unsafe<Record<string, string>[]>("show pools").simple())];
    } finally {
      await console.end({ timeout: 1 });
    }
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGINT");
    await Promise.race([this.#process.exited, Bun.sleep(3_000)]);
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
