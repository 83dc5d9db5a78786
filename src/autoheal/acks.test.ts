import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { realAmbient } from "../ambient.ts";
import { type AckRequest, acknowledge, ackSchema } from "./acks.ts";
import { selectAudit } from "./audit.ts";
import { readSituation } from "./situation.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  await db.sql`truncate autoheal_acks, autoheal_audit`;
});
afterAll(() => db.drop());

const ack = (request: Partial<AckRequest> = {}) =>
  acknowledge({ sql: db.sql, ambient: realAmbient, replica: "one" }, "anna", {
    cause: "alert Down",
    note: "the broker is being moved",
    minutes: 60,
    ...request,
  });

describe("an acknowledgement", () => {
  test("is in force until its expiry by the database's clock, and no longer", async () => {
    const made = await ack();
    expect(Date.parse(made.expiresAt) - Date.now()).toBeGreaterThan(59 * 60_000);
    const { acks } = await readSituation(db.sql);
    expect(acks).toMatchObject([
      { id: made.id, cause: "alert Down", fingerprint: null, note: "the broker is being moved", actor: "anna" },
    ]);
    expect(acks[0]?.expiresAt).toBeCloseTo(Date.parse(made.expiresAt), -1);
    await db.sql`update autoheal_acks set expires_at = clock_timestamp()`;
    expect((await readSituation(db.sql)).acks).toEqual([]);
  });

  test("stands in the audit with who made it, its note and its end", async () => {
    const made = await ack({ fingerprint: "0011223344556677" });
    const [entry] = await selectAudit(db.sql, { limit: 10 });
    expect(entry).toMatchObject({
      decisionId: made.id,
      phase: "decided",
      actor: "anna",
      cause: "alert Down",
      action: null,
      result: "acknowledged",
      reason: "the broker is being moved",
      input: { fingerprint: "0011223344556677", expiresAt: made.expiresAt },
    });
  });

  test("that cannot be audited is not made", async () => {
    await db.sql`alter table autoheal_audit add constraint full_disk check (false) not valid`;
    await expect(ack()).rejects.toThrow("full_disk");
    await db.sql`alter table autoheal_audit drop constraint full_disk`;
    expect((await readSituation(db.sql)).acks).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["no note", { cause: "probe broker", minutes: 5 }],
    ["an empty note", { cause: "probe broker", note: "", minutes: 5 }],
    ["a note that is too long", { cause: "probe broker", note: "x".repeat(501), minutes: 5 }],
    ["NUL in the note", { cause: "probe broker", note: "a\0", minutes: 5 }],
    ["no end", { cause: "probe broker", note: "n" }],
    ["an end after more than a week", { cause: "probe broker", note: "n", minutes: 10_081 }],
    ["an end that was", { cause: "probe broker", note: "n", minutes: -1 }],
    ["a cause that is none", { cause: "broker", note: "n", minutes: 5 }],
    ["a fingerprint that is none", { cause: "alert A", fingerprint: "x", note: "n", minutes: 5 }],
    ["a field that is not known", { cause: "alert A", note: "n", minutes: 5, forever: true }],
  ])("with %s is refused", (_, request) => {
    expect(ackSchema.safeParse(request).success).toBe(false);
  });
});
