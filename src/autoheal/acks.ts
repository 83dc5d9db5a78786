import { z } from "zod";
import type { Ambient } from "../ambient.ts";
import type { Sql } from "../db/pool.ts";
import { asRelay } from "../outbox/index.ts";
import { insertEntry } from "./audit.ts";
import { notifyReplicas } from "./channel.ts";
import { insertAck } from "./situation.ts";

const NUL_RULE = "must not contain NUL or half of a surrogate pair";
const NOTE_RULE = "must be text of 1 to 500 characters";
const CAUSE_RULE = "must be `alert <name>` or `probe <name>`";
const MINUTES_RULE = "must be a whole number from 1 to 10080, which is a week";
const FINGERPRINT_RULE = "must be the 16 hexadecimal digits of an alert";

/** The body of `POST /autoheal/ack`. */
export const ackSchema = z.strictObject(
  {
    cause: z
      .string(CAUSE_RULE)
      .regex(/^(alert .{1,200}|probe [a-z]{1,20})$/u, CAUSE_RULE)
      .refine(storable, NUL_RULE),
    fingerprint: z
      .string(FINGERPRINT_RULE)
      .regex(/^[0-9a-f]{16}$/, FINGERPRINT_RULE)
      .optional(),
    note: z.string(NOTE_RULE).min(1, NOTE_RULE).max(500, NOTE_RULE).refine(storable, NUL_RULE),
    minutes: z.int(MINUTES_RULE).min(1, MINUTES_RULE).max(10_080, MINUTES_RULE),
  },
  { error: (issue) => (issue.code === "invalid_type" ? "must be a JSON object" : undefined) },
);
/** What a person acknowledges, and for how long. */
export type AckRequest = z.output<typeof ackSchema>;

/** An acknowledgement as it was made. */
export interface MadeAck {
  readonly id: string;
  readonly cause: string;
  readonly fingerprint: string | null;
  readonly note: string;
  readonly actor: string;
  readonly expiresAt: string;
}

/** Until it expires, nothing is done about the cause. Written to the audit in the same transaction. */
export async function acknowledge(
  { sql, ambient, replica }: { sql: Sql; ambient: Ambient; replica: string },
  actor: string,
  { cause, note, minutes, ...more }: AckRequest,
): Promise<MadeAck> {
  const id = ambient.newId();
  const fingerprint = more.fingerprint ?? null;
  const expires = await asRelay(sql, async (tx) => {
    const at = await insertAck(tx, { id, cause, fingerprint, note, actor, minutes });
    await insertEntry(tx, {
      decisionId: id,
      phase: "decided",
      replica,
      actor,
      cause,
      action: null,
      target: "",
      result: "acknowledged",
      reason: note,
      input: { fingerprint, expiresAt: at.toISOString() },
    });
    await notifyReplicas(tx);
    return at;
  });
  return { id, cause, fingerprint, note, actor, expiresAt: expires.toISOString() };
}

function storable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
