import { expect, test } from "bun:test";
import { readConfig } from "../config.ts";
import { UNDURABLE_EVENTS } from "../outbox/store.ts";
import { LOOK_BACK } from "./seen.ts";

test("a reader looks back as far as an event and its repeat are apart when PostgreSQL crashes, with the largest batches", () => {
  const largest = 5_000;
  expect(readConfig({ OUTBOX_BATCH: String(largest) }).OUTBOX_BATCH).toBe(largest);
  expect(() => readConfig({ OUTBOX_BATCH: String(largest + 1) })).toThrow("OUTBOX_BATCH");
  // Marks that were not waited for, the batch whose mark is under way, and the one that is published meanwhile.
  expect(LOOK_BACK).toBeGreaterThanOrEqual(UNDURABLE_EVENTS - 1 + 2 * largest);
});
