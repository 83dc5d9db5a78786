import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { asRelay } from "../outbox/index.ts";
import { type NewEntry, selectAudit, selectUnfinished, writeAfter, writeBefore, writeEntry } from "./audit.ts";
import { auditListSchema, listAudit } from "./lists.ts";
import { deleteOld } from "./situation.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  await db.sql`truncate autoheal_audit, autoheal_runs, autoheal_breakers`;
});
afterAll(() => db.drop());

const entry = (more: Partial<NewEntry> = {}): NewEntry => ({
  decisionId: Bun.randomUUIDv7(),
  phase: "decided",
  replica: "one",
  actor: "probe",
  cause: "probe relay",
  action: "act",
  target: "",
  result: "cooldown",
  reason: "r",
  input: {},
  ...more,
});
const BREAKER = { failures: 2, openSeconds: 60 };

describe("the audit", () => {
  test("is listed in pages, the newest first, nothing twice and nothing missing, while more is written", async () => {
    for (let n = 0; n < 25; n++) await writeEntry(db.sql, entry({ reason: String(n) }));
    const reasons: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined; ; pages++) {
      const query = auditListSchema.parse({ limit: "10", ...(cursor === undefined ? {} : { cursor }) });
      const { data, next } = await listAudit(db.sql, query);
      reasons.push(...data.map(({ reason }) => reason));
      await writeEntry(db.sql, entry({ reason: "later" }));
      if (next === null) break;
      cursor = next;
    }
    expect(pages).toBe(2);
    expect(reasons).toEqual(Array.from({ length: 25 }, (_, n) => String(24 - n)));
  });

  test("is filtered by action, result and decision; a cursor belongs to its filters", async () => {
    const one = entry({ result: "dry_run" });
    for (const each of [one, entry({ action: "other" }), entry({ action: null })]) await writeEntry(db.sql, each);
    const listed = async (query: object) => (await listAudit(db.sql, auditListSchema.parse(query))).data.length;
    expect(await listed({ action: "act" })).toBe(1);
    expect(await listed({ result: "cooldown" })).toBe(2);
    expect(await listed({ decision: one.decisionId })).toBe(1);
    const { next } = await listAudit(db.sql, auditListSchema.parse({ limit: "1", result: "cooldown" }));
    expect(auditListSchema.safeParse({ cursor: next }).success).toBe(false);
    expect(auditListSchema.safeParse({ cursor: next, result: "cooldown", limit: "5" }).success).toBe(true);
  });

  test.each([
    { limit: "0" },
    { limit: "201" },
    { limit: ["1", "2"] },
    { cursor: "bm8" },
    { result: "melted" },
    { action: "a;b" },
    { decision: "x" },
    { sort: "id" },
  ])("refuses %j", (query) => {
    expect(auditListSchema.safeParse(query).success).toBe(false);
  });

  test("cannot be changed by the role that writes it", async () => {
    await writeEntry(db.sql, entry());
    await expect(asRelay(db.sql, (tx) => tx`update autoheal_audit set result = 'executed'`)).rejects.toThrow(
      "permission denied",
    );
  });

  test("has one end for each execution: the first that is written, which alone counts for the breaker", async () => {
    const started = entry({ phase: "started", result: "execute" });
    await asRelay(db.sql, (tx) => writeBefore(tx, [started], []));
    expect(await asRelay(db.sql, selectUnfinished)).toHaveLength(1);
    const end = (result: string) => ({ ...started, phase: "finished" as const, result });
    const write = (result: string) =>
      asRelay(db.sql, (tx) => writeAfter(tx, end(result), result !== "executed", BREAKER));
    expect(await write("error")).toEqual({ failures: 1, isOpen: false });
    expect(await write("executed")).toBeUndefined();
    expect(await write("error")).toBeUndefined();
    expect(await asRelay(db.sql, selectUnfinished)).toEqual([]);
    const [row] = await db.sql`select failures from autoheal_breakers`;
    expect(row?.failures).toBe(1);
    expect((await selectAudit(db.sql, { limit: 10 })).map(({ result }) => result)).toEqual(["error", "execute"]);
  });

  test("counts failures in a row, opens the breaker at the limit and closes it at the first success", async () => {
    const write = async (failed: boolean) => {
      const started = entry({ phase: "finished", result: failed ? "failed" : "executed" });
      return await asRelay(db.sql, (tx) => writeAfter(tx, started, failed, BREAKER));
    };
    expect(await write(true)).toEqual({ failures: 1, isOpen: false });
    expect(await write(true)).toEqual({ failures: 2, isOpen: true });
    expect(await write(false)).toEqual({ failures: 0, isOpen: false });
    expect(await write(true)).toEqual({ failures: 1, isOpen: false });
  });

  test("is kept for its days, and no longer", async () => {
    for (let n = 0; n < 3; n++) await writeEntry(db.sql, entry({ reason: String(n) }));
    await db.sql`update autoheal_audit set at = at - interval '91 days' where reason <> '2'`;
    await asRelay(db.sql, (tx) => deleteOld(tx, 90));
    expect((await selectAudit(db.sql, { limit: 10 })).map(({ reason }) => reason)).toEqual(["2"]);
  });
});
