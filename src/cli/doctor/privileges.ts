import { pendingFiles } from "../../db/migrate.ts";
import { MIGRATIONS } from "../../db/migrations.ts";
import type { Sql } from "../../db/pool.ts";
import { type Finding, failed, ok } from "./check.ts";

/** The roles that the server takes on: `sql/0001_init.sql`. */
const ROLES = ["aetherlink_app", "aetherlink_relay"] as const;
/** Extensions that the migrations make. */
const EXTENSIONS = ["pg_trgm", "btree_gin"] as const;

interface Role {
  readonly name: string;
  readonly superuser: boolean;
  readonly bypasses: boolean;
  /** Whether we may become it. */
  readonly ours: boolean;
}

/** Whether the server may do what it has to, and the role that serves requests may not do more. */
export async function checkPrivileges(sql: Sql): Promise<Finding> {
  const [me] = await sql<{ name: string; superuser: boolean; makesRoles: boolean; makesTables: boolean }[]>`
    select rolname as name, rolsuper as superuser, rolcreaterole or rolsuper as "makesRoles",
      has_schema_privilege('public', 'CREATE') and has_database_privilege(current_database(), 'CREATE') as "makesTables"
    from pg_roles where rolname = current_user`;
  if (me === undefined) throw new Error("the database does not know who we are");
  const roles = await rolesOf(sql);
  const missing = ROLES.filter((name) => roles.every((role) => role.name !== name));
  const create = missing.map((name) => `create role ${name} nologin;`).join(" ");
  const grant = `grant ${ROLES.join(", ")} to "${me.name}"`;
  if (missing.length > 0 && !me.makesRoles)
    return failed(
      `there is no role ${missing.join(" and no role ")}, and ${me.name} may not create one`,
      `let an administrator run: ${create} ${grant}`,
    );
  // Whoever may create roles grants the new ones to itself when it migrates.
  const foreign = roles.filter(({ ours }) => !ours && !me.superuser);
  if (foreign.length > 0)
    return failed(`${me.name} may not become ${namesOf(foreign)}`, `let an administrator run: ${grant}`);
  const open = roles.filter(({ name, superuser, bypasses }) => name === "aetherlink_app" && (superuser || bypasses));
  if (open.length > 0)
    return failed(
      "aetherlink_app bypasses row-level security: requests would see every tenant",
      "let an administrator run: alter role aetherlink_app nosuperuser nobypassrls",
    );
  const unguarded = roles.length === ROLES.length ? await unguardedTables(sql) : [];
  if (unguarded.length > 0)
    return failed(
      `row-level security does not hold aetherlink_app on ${unguarded.join(", ")}`,
      unguarded.map((table) => `alter table ${table} enable row level security, force row level security;`).join(" "),
    );
  return await mayChange(sql, me, missing);
}

/** Without the right to change the schema a server runs on well, as long as nothing is to be changed. */
async function mayChange(
  sql: Sql,
  me: { name: string; makesTables: boolean },
  missing: readonly string[],
): Promise<Finding> {
  const foreign = await foreignTables(sql);
  const absent = await absentExtensions(sql);
  const can = me.makesTables && foreign.length === 0 && absent.length === 0;
  const roles =
    missing.length > 0 ? `${me.name} may create the roles` : `the roles are there, and are ${me.name}'s to take on`;
  if (can) return ok(`${roles}; it may change the schema, and row-level security holds for requests`);
  if (absent.length > 0)
    return failed(
      `the extension ${absent.join(" and ")} is not installed here`,
      "install PostgreSQL's contrib package",
    );
  const why = me.makesTables
    ? `${foreign.join(", ")} belong to another user`
    : `${me.name} may not create in this database`;
  const pending = await pendingFiles(sql).catch(() => undefined);
  const isWhole = pending !== undefined && pending.migrations.length + pending.functions.length === 0;
  if (isWhole) return ok(`${roles}; ${why}: run aetherlink migrate as its owner before a new version starts`);
  return failed(
    `${why}, and something of the schema is pending`,
    `run aetherlink migrate as the owner, or: grant create on schema public to "${me.name}"`,
  );
}

function namesOf(roles: readonly Role[]): string {
  return roles.map(({ name }) => name).join(" and ");
}

async function rolesOf(sql: Sql): Promise<readonly Role[]> {
  // Since version 16 membership alone does not allow SET ROLE.
  return await sql<Role[]>`
    select rolname as name, rolsuper as superuser, rolbypassrls as bypasses,
      pg_has_role(current_user, oid,
        case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) as ours
    from pg_roles where rolname in ${sql(ROLES)}`;
}

/** Tables with a tenant's rows on which row-level security is not in force for who serves requests. */
async function unguardedTables(sql: Sql): Promise<string[]> {
  const tables = await tablesOfTenants(sql);
  return await sql.begin("read only", async (tx) => {
    await tx`set local role aetherlink_app`;
    const unguarded: string[] = [];
    for (const table of tables) {
      const [row] = await tx<{ active: boolean }[]>`select row_security_active(${table}::text) as active`;
      if (row?.active !== true) unguarded.push(table);
    }
    return unguarded;
  });
}

/** Our tables that belong to somebody else. */
async function foreignTables(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select relname as name from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r'
      and not pg_has_role(current_user, relowner, 'USAGE')`;
  const ours = new Set(declaredTables());
  return rows.map(({ name }) => name).filter((name) => ours.has(name));
}

async function tablesOfTenants(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r'
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')`;
  const ours = new Set(declaredTables());
  return rows.map(({ name }) => name).filter((name) => ours.has(name));
}

/** As the migrations have them. */
function declaredTables(): string[] {
  return MIGRATIONS.flatMap(({ text }) => [...text.matchAll(/^create table (\w+)/gm)].map(([, name = ""]) => name));
}

async function absentExtensions(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`select name from pg_available_extensions where name in ${sql(EXTENSIONS)}`;
  const there = new Set(rows.map(({ name }) => name));
  return EXTENSIONS.filter((name) => !there.has(name));
}
