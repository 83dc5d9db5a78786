import type postgres from "postgres";
import { FUNCTIONS, MIGRATIONS, type SqlFile } from "./migrations.ts";
import type { Sql } from "./pool.ts";

/** The migrations cannot be applied; the message is one line that says which and what to do. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/** What a run did: the names of the files applied, empty when the database was up to date. */
export interface MigrationReport {
  readonly migrations: string[];
  readonly functions: string[];
  /** Migrations in the database that this version does not know: a newer one has been here, and its functions stay. */
  readonly newer: string[];
}

export interface MigrateOptions {
  /** Files to apply instead of those of `sql/`. */
  readonly files?: { migrations: readonly SqlFile[]; functions: readonly SqlFile[] };
  /** Milliseconds to wait for another instance that is migrating. Default 60,000. */
  readonly lockTimeoutMs?: number;
}

/** Key of the advisory lock under which one instance migrates while the others wait: "AEMI" in ASCII. */
const LOCK_KEY = 0x41_45_4d_49;
const LOCK_POLL_MS = 50;
/**
 * Milliseconds for which a migration waits for a lock on a table, before it lets those pass who wait behind it: every request
 * for the table would. Then it is tried again.
 */
const TABLE_LOCK_MS = 1_000;
/** Milliseconds between two tries, and how often a migration is tried. */
const TABLE_LOCK_PAUSE_MS = 500;
const TABLE_LOCK_TRIES = 40;

/**
 * Brings the schema up to date: numbered migrations in order, each once and in a transaction of its own, then the SQL
 * functions whose text has changed, all in one. Several instances may start at once, and servers of the version before may
 * work on: docs/decisions/migrations.md says what that asks of a migration.
 * @throws {MigrationError} when an applied migration was edited, or a file fails (its transaction is rolled back).
 */
export async function migrate(sql: Sql, options: MigrateOptions = {}): Promise<MigrationReport> {
  const files = options.files ?? { migrations: MIGRATIONS, functions: FUNCTIONS };
  // One connection for all of it: the lock belongs to the session.
  const session = await sql.reserve();
  try {
    await takeLock(session, options.lockTimeoutMs ?? 60_000);
    try {
      await createBookkeeping(session);
      const migrations = await applyMigrations(session, files.migrations);
      const applied = await checksums(session);
      const newer = newerThan(files.migrations, applied);
      // A server of the version before that is started again must not take the functions back under its successor.
      const functions =
        newer.length > 0 ? [] : await applyFunctions(session, changedFunctions(files.functions, applied));
      return { migrations, functions, newer };
    } finally {
      await session`select pg_advisory_unlock(${LOCK_KEY})`;
    }
  } finally {
    session.release();
  }
}

/**
 * What `migrate` would apply now; changes nothing.
 * @throws {MigrationError} when an applied migration was edited
 */
export async function pendingFiles(sql: Sql, options: Pick<MigrateOptions, "files"> = {}): Promise<MigrationReport> {
  const files = options.files ?? { migrations: MIGRATIONS, functions: FUNCTIONS };
  const applied = (await hasBookkeeping(sql)) ? await checksums(sql) : new Map<string, string>();
  for (const file of files.migrations) refuseEdited(file, applied.get(file.name));
  const newer = newerThan(files.migrations, applied);
  return {
    migrations: files.migrations.filter((file) => !applied.has(file.name)).map(({ name }) => name),
    functions: newer.length > 0 ? [] : changedFunctions(files.functions, applied).map(({ name }) => name),
    newer,
  };
}

/** Polls instead of waiting in the server: a waiting statement holds a snapshot, on which CREATE INDEX CONCURRENTLY would wait in turn. */
async function takeLock(session: postgres.ReservedSql, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const [row] = await session<{ locked: boolean }[]>`select pg_try_advisory_lock(${LOCK_KEY}) as locked`;
    if (row?.locked) return;
    if (performance.now() > deadline) {
      throw new MigrationError(
        `another instance has been migrating this database for over ${timeoutMs / 1000} s; look for it, then start again`,
      );
    }
    await Bun.sleep(LOCK_POLL_MS);
  }
}

async function hasBookkeeping(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ known: boolean }[]>`select to_regclass('public.schema_files') is not null as known`;
  return row?.known === true;
}

async function createBookkeeping(session: postgres.ReservedSql): Promise<void> {
  if (await hasBookkeeping(session)) return;
  await session`
    create table public.schema_files (
      name       text primary key,
      checksum   text not null,
      applied_at timestamptz not null default now()
    )`;
}

async function applyMigrations(session: postgres.ReservedSql, files: readonly SqlFile[]): Promise<string[]> {
  const applied = await checksums(session);
  for (const file of files) refuseEdited(file, applied.get(file.name));
  const pending = files.filter((file) => !applied.has(file.name));
  for (const file of pending) await applyBesideOthers(session, file);
  return pending.map((file) => file.name);
}

/** Applies a migration while servers work on its tables. */
async function applyBesideOthers(session: postgres.ReservedSql, file: SqlFile): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await inTransaction(session, async () => {
        await session.unsafe(`set local lock_timeout = ${TABLE_LOCK_MS}`);
        await apply(session, file, file.name);
      });
    } catch (error) {
      if (!isLockTimeout(error) || tries === TABLE_LOCK_TRIES) throw error;
      await Bun.sleep(TABLE_LOCK_PAUSE_MS);
    }
  }
}

/** lock_not_available */
function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "55P03";
}

/** All in one transaction: a statement that begins sees the functions of one version, not of both. */
async function applyFunctions(session: postgres.ReservedSql, changed: readonly SqlFile[]): Promise<string[]> {
  if (changed.length === 0) return [];
  await inTransaction(session, async () => {
    for (const file of changed) await apply(session, file, `functions/${file.name}`);
  });
  return changed.map((file) => file.name);
}

function newerThan(known: readonly SqlFile[], applied: ReadonlyMap<string, string>): string[] {
  const names = new Set(known.map(({ name }) => name));
  return [...applied.keys()].filter((name) => !name.startsWith("functions/") && !names.has(name)).toSorted();
}

function changedFunctions(files: readonly SqlFile[], applied: ReadonlyMap<string, string>): SqlFile[] {
  return files.filter((file) => applied.get(`functions/${file.name}`) !== checksum(file));
}

function refuseEdited(file: SqlFile, applied: string | undefined): void {
  if (applied === undefined || applied === checksum(file)) return;
  throw new MigrationError(
    `migration ${file.name} was edited after it had been applied to this database; restore its text and put the change into a new file`,
  );
}

async function inTransaction(session: postgres.ReservedSql, work: () => Promise<void>): Promise<void> {
  await session`begin`;
  try {
    await work();
    await session`commit`;
  } catch (error) {
    await session`rollback`;
    throw error;
  }
}

/** Runs one file and records it, in the transaction that is open. */
async function apply(session: postgres.ReservedSql, file: SqlFile, recordedName: string): Promise<void> {
  try {
    await session.unsafe(file.text);
    await session`
      insert into public.schema_files (name, checksum) values (${recordedName}, ${checksum(file)})
      on conflict (name) do update set checksum = excluded.checksum, applied_at = now()`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError(`migration ${recordedName} failed and was rolled back: ${reason}`, { cause: error });
  }
}

async function checksums(session: Sql): Promise<Map<string, string>> {
  const rows = await session<{ name: string; checksum: string }[]>`select name, checksum from public.schema_files`;
  return new Map(rows.map((row) => [row.name, row.checksum]));
}

/** SHA-256 of the text, line ends made equal so that a checkout on Windows is the same file. */
function checksum(file: SqlFile): string {
  return new Bun.CryptoHasher("sha256").update(file.text.replaceAll("\r\n", "\n")).digest("hex");
}
