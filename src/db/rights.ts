import postgres from "postgres";
import { placeOf } from "./address.ts";
import { DatabaseError, isUnavailable, type Sql } from "./pool.ts";
import type { Misled } from "./pooler.ts";

/** SQLSTATE of all that a role may not do. */
const FORBIDDEN = "42501";
/** SQLSTATEs of what is not there yet: a table, a function, a schema; 22023 is SET ROLE to a role that nobody has made. */
const MISSING = new Set(["42P01", "42883", "3F000", "22023"]);

/** How the role that connects stands in the database. */
interface Standing {
  readonly me: string;
  readonly database: string;
  readonly hasSchema: boolean;
  readonly usesSchema: boolean;
  readonly makesTables: boolean;
  /** False where the extensions are missing and it may not create them. */
  readonly getsExtensions: boolean;
  /** Whose the table of applied files is, and so the others; null where none was ever applied. */
  readonly owner: string | null;
  readonly owns: boolean;
  readonly readsBookkeeping: boolean;
  /** Roles of ours that it may not become. */
  readonly foreign: string[];
}

/**
 * Runs what a start or a command does in the database. What it may not do there, or does not find, is told with what mends it,
 * for the server's own words name the table and not the remedy. Not for requests: there it is no fault of whoever sent them.
 * @param variable what led to the database
 * @throws {DatabaseError} of one line
 */
export async function explained<T>(sql: Sql, work: () => Promise<T>, variable = "DATABASE_URL"): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // One that went away meanwhile, or cannot be written.
    if (error instanceof Error && isUnavailable(error))
      throw new DatabaseError(`${variable}: cannot use the database at ${placeOf(sql)}: ${error.message}`, {
        cause: error,
      });
    const refusal = await explain(sql, error);
    if (refusal === undefined) throw error;
    throw new DatabaseError(`${variable}: ${refusal.fault}: ${refusal.todo}`, { cause: error });
  }
}

/** What is missing and what to do about it; undefined for an error that has other reasons. */
export async function explain(sql: Sql, error: unknown): Promise<Misled | undefined> {
  if (!(error instanceof Error)) return undefined;
  // The cause is that of a migration which failed; one that misses something is our fault, not that of who runs it.
  const isForbidden = codeOf(error) === FORBIDDEN || codeOf(error.cause) === FORBIDDEN;
  if (!isForbidden && !MISSING.has(codeOf(error))) return undefined;
  // The connection may be gone by now: then the error as it came says more.
  const standing = await standingOf(sql).catch(() => undefined);
  if (standing === undefined) return undefined;
  const fault = `${error.message.replaceAll(/\s+/g, " ")}, as role ${standing.me}`;
  return { fault, todo: isForbidden ? todoFor(standing) : missingTodo(standing) };
}

/**
 * Refuses a role that may not take on those that the server works as: with it every request would be answered 500.
 * @throws {DatabaseError}
 */
export async function requireRoles(sql: Sql): Promise<void> {
  const standing = await standingOf(sql);
  if (standing.foreign.length === 0) return;
  const fault = `the role ${standing.me} may not become ${standing.foreign.join(" and ")}`;
  throw new DatabaseError(`DATABASE_URL: ${fault}: ${todoFor(standing)}`);
}

function missingTodo(standing: Standing): string {
  if (!standing.hasSchema) return todoFor(standing);
  return standing.owner === null ? "run aetherlink migrate first" : "run aetherlink migrate";
}

function todoFor(standing: Standing): string {
  const { owner, foreign } = standing;
  const me = quoted(standing.me);
  if (!standing.hasSchema) return `let an administrator run: create schema public authorization ${me}`;
  // Where others own the tables, a server needs no right to make any.
  const makes = owner === null || standing.owns;
  const grants = [
    ...(standing.usesSchema ? [] : [`grant usage on schema public to ${me}`]),
    ...(makes && !standing.makesTables ? [`grant create on schema public to ${me}`] : []),
    ...(makes && !standing.getsExtensions ? [`grant create on database ${quoted(standing.database)} to ${me}`] : []),
    ...(standing.readsBookkeeping ? [] : [`grant select on public.schema_files to ${me}`]),
    ...(foreign.length > 0 ? [`grant ${foreign.join(", ")} to ${me}`] : []),
  ];
  const migrate = owner === null ? "; then run aetherlink migrate" : "";
  if (grants.length > 0) return `let an administrator run: ${grants.join("; ")}${migrate}`;
  if (!makes) return `run aetherlink migrate as ${owner}, who owns the tables`;
  return `let an administrator grant that to ${me}; aetherlink doctor looks at what is needed`;
}

async function standingOf(sql: Sql): Promise<Standing> {
  // Not by to_regclass, which itself needs the right to use the schema; MEMBER: since version 16 it does not allow SET ROLE.
  const [row] = await sql<Standing[]>`
    select current_user as me, current_database() as database,
      n.oid is not null as "hasSchema",
      coalesce(has_schema_privilege(n.oid, 'USAGE'), false) as "usesSchema",
      coalesce(has_schema_privilege(n.oid, 'CREATE'), false) as "makesTables",
      has_database_privilege(current_database(), 'CREATE') or
        (select count(*) = 2 from pg_extension where extname in ('pg_trgm', 'btree_gin')) as "getsExtensions",
      pg_get_userbyid(c.relowner) as owner,
      coalesce(pg_has_role(current_user, c.relowner, 'USAGE'), false) as owns,
      coalesce(has_table_privilege(c.oid, 'SELECT'), true) as "readsBookkeeping",
      (select coalesce(jsonb_agg(rolname order by rolname), '[]') from pg_roles
        where rolname in ('aetherlink_app', 'aetherlink_relay') and not pg_has_role(current_user, oid,
          case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)) as "foreign"
    from (select) as always
      left join pg_namespace n on n.nspname = 'public'
      left join pg_class c on c.relnamespace = n.oid and c.relname = 'schema_files'`;
  if (row === undefined) throw new Error("the database does not say who we are");
  return row;
}

function codeOf(error: unknown): string {
  return error instanceof postgres.PostgresError ? error.code : "";
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
