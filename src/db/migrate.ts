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
 * Brings the schema up to date: numbered migrations in order, each once and in a transaction of its own, then the SQL
 * functions whose text has changed. Several instances may start at once.
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
      const functions = await applyFunctions(session, files.functions);
      return { migrations, functions };
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
  return {
    migrations: files.migrations.filter((file) => !applied.has(file.name)).map(({ name }) => name),
    functions: changedFunctions(files.functions, applied).map(({ name }) => name),
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
  for (const file of pending) await apply(session, file, file.name);
  return pending.map((file) => file.name);
}

async function applyFunctions(session: postgres.ReservedSql, files: readonly SqlFile[]): Promise<string[]> {
  const changed = changedFunctions(files, await checksums(session));
  for (const file of changed) await apply(session, file, `functions/${file.name}`);
  return changed.map((file) => file.name);
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

/** Runs one file and records it, in one transaction. */
async function apply(session: postgres.ReservedSql, file: SqlFile, recordedName: string): Promise<void> {
  await session`begin`;
  try {
    await session.unsafe(file.text);
    await session`
      insert into public.schema_files (name, checksum) values (${recordedName}, ${checksum(file)})
      on conflict (name) do update set checksum = excluded.checksum, applied_at = now()`;
    await session`commit`;
  } catch (error) {
    await session`rollback`;
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
