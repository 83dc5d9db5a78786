import { type Config, readConfig } from "../config.ts";
import { createPool, probe, type Sql } from "../db/pool.ts";
import { explained } from "../db/rights.ts";
import { createLogger } from "../metrics/logger.ts";
import { CommandError } from "./exit.ts";

/**
 * Runs `work` on the database of DATABASE_URL, by DATABASE_SESSION_URL where that is set.
 * @param otherwise what to do when there is none
 * @throws {CommandError | ConfigError | DatabaseError}
 */
export async function withDatabase<T>(otherwise: string, work: (sql: Sql, config: Config) => Promise<T>): Promise<T> {
  const config = readConfig();
  if (config.DATABASE_URL === undefined) throw new CommandError(`DATABASE_URL: is not set; ${otherwise}`);
  // Past a pooler where there is one: migrations hold a lock of their session.
  const variable = config.DATABASE_SESSION_URL === undefined ? "DATABASE_URL" : "DATABASE_SESSION_URL";
  const sql = createPool(config[variable] ?? config.DATABASE_URL, 1, createLogger("silent", "json"));
  try {
    await probe(sql, variable);
    return await explained(sql, () => work(sql, config), variable);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
