/** PostgreSQL's own benchmark as a yardstick: https://www.postgresql.org/docs/current/pgbench.html */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface PgbenchLoad {
  readonly url: string;
  /** One transaction in pgbench's language. */
  readonly script: string;
  readonly clients: number;
  readonly seconds: number;
}

/** Transactions a second with prepared statements. @throws with what pgbench said when it measured nothing */
export async function pgbench({ url, script, clients, seconds }: PgbenchLoad): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-pgbench-"));
  try {
    const file = join(folder, "script.sql");
    await Bun.write(file, script);
    const options = ["-n", "-M", "prepared", "-c", `${clients}`, "-j", "2", "-T", `${seconds}`, "-f", file, url];
    const child = Bun.spawn(["pgbench", ...options], { stdout: "pipe", stderr: "pipe" });
    const [text, why] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const [, rate] = /tps = ([\d.]+)/.exec(text) ?? [];
    if (rate === undefined) throw new Error(`pgbench: ${text}${why}`);
    return Number(rate);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
