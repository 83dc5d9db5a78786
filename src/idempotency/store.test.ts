import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import postgres from "postgres";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { pruneExpiredKeys } from "./prune.ts";
import type { WriteRow } from "./write.ts";

const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";
const NOW = new Date("2026-01-01T00:00:00Z");
const inHours = (hours: number) => new Date(NOW.getTime() + hours * 3_600_000);

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

/** begin_write, and finish_write with the given status where it says proceed: what every write function does. */
async function write(
  key: string,
  body: string,
  options: { at?: Date; status?: number; tenant?: string; sql?: postgres.Sql } = {},
): Promise<WriteRow> {
  const { at = NOW, status = 201, tenant = TENANT, sql = db.sql } = options;
  const print = new Bun.CryptoHasher("sha256").update(body).digest();
  return await sql.begin(async (tx) => {
    const request = writeRequest(key, print, at, tenant);
    const [row] = await tx<WriteRow[]>`select * from begin_write(${request})`;
    if (row?.outcome !== "proceed") return row as WriteRow;
    const [written] = await tx<WriteRow[]>`
      select * from finish_write(${request}, ${status}, '{"Content-Type":"application/json"}'::json, ${`answer to ${body}`})`;
    return written as WriteRow;
  });
}

const writeRequest = (key: string, print: Uint8Array, at: Date, tenant = TENANT) => db.sql`row(
  ${tenant}::uuid, ${key}::text, ${print}::bytea, 'POST', '/x', 'request', null, null, false,
  ${at}::timestamptz, ${new Date(at.getTime() + 86_400_000)}::timestamptz)::write_request`;

describe("the idempotency store", () => {
  test("gives the first response again for the same request", async () => {
    expect(await write("same", "a")).toMatchObject({ outcome: "proceed" });
    expect(await write("same", "a")).toMatchObject({
      outcome: "replay",
      status: 201,
      body: "answer to a",
      headers: { "Content-Type": "application/json" },
    });
  });

  test("keeps a deterministic refusal as well", async () => {
    await write("refused", "a", { status: 409 });
    expect(await write("refused", "a")).toMatchObject({ outcome: "replay", status: 409 });
  });

  test("refuses a key that was used for another request", async () => {
    await write("other", "a");
    expect(await write("other", "b")).toMatchObject({ outcome: "mismatch" });
  });

  test("keeps the keys of tenants apart", async () => {
    await write("shared", "a");
    const other = "bbbbbbbb-0000-4000-8000-000000000002";
    expect(await write("shared", "b", { tenant: other })).toMatchObject({ outcome: "proceed" });
    expect(await write("shared", "a")).toMatchObject({ outcome: "replay", body: "answer to a" });
  });

  test("says busy, without waiting, while another transaction holds the key, and forgets it when that one fails", async () => {
    const print = new Uint8Array(32);
    await expect(
      db.sql.begin(async (tx) => {
        await tx`select * from begin_write(${writeRequest("busy", print, NOW)})`;
        expect(await write("busy", "a")).toMatchObject({ outcome: "busy" });
        throw new Error("failed");
      }),
    ).rejects.toThrow("failed");
    expect(await write("busy", "a")).toMatchObject({ outcome: "proceed" });
  });

  test("takes a key as new once its 24 hours are over, whether it was pruned or not", async () => {
    await write("old", "a");
    expect(await write("old", "b", { at: inHours(23.9) })).toMatchObject({ outcome: "mismatch" });
    expect(await write("old", "b", { at: inHours(24) })).toMatchObject({ outcome: "proceed" });
    expect(await write("old", "b", { at: inHours(25) })).toMatchObject({ outcome: "replay", body: "answer to b" });
  });

  test("finds a key by its index also while statistics say that there are only a few", async () => {
    const young = await testDatabase();
    try {
      const scans = async () => {
        const [row] = await young.sql<{ rows: number; looks: number }[]>`
          select seq_tup_read::int as rows, idx_scan::int as looks from pg_stat_user_tables where relname = 'idempotency_keys'`;
        return row ?? { rows: 0, looks: 0 };
      };
      const session = async (keys: number) => {
        const sql = postgres(young.url, { max: 1, fetch_types: false });
        const key = crypto.randomUUID();
        for (let n = 0; n < keys; n++) await write(`${key}-${n}`, "a", { sql });
        // A session tells what it has read before it is gone.
        const [own] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
        await sql.end();
        while ((await young.sql`select from pg_stat_activity where pid = ${own?.pid ?? 0}`).length > 0)
          await Bun.sleep(1);
      };
      await session(20);
      await young.sql`vacuum analyze idempotency_keys`;
      const before = await scans();
      await session(100);
      const after = await scans();
      expect(after.looks - before.looks).toBeGreaterThanOrEqual(100);
      expect(after.rows).toBe(before.rows);
    } finally {
      await young.drop();
    }
  });

  test("prunes expired keys in batches and leaves the others", async () => {
    const past = new Date(Date.now() - 90_000_000);
    for (let i = 0; i < 7; i++) await write(`past ${i}`, "a", { at: past });
    await write("present", "a", { at: new Date() });
    expect(await pruneExpiredKeys(db.sql, 3)).toBeGreaterThanOrEqual(7);
    expect(await pruneExpiredKeys(db.sql, 3)).toBe(0);
    const rest = await db.sql`select key from idempotency_keys where key like 'p%'`;
    expect(rest).toMatchObject([{ key: "present" }]);
  });
});
