import type { Session } from "../db/session.ts";
import type { EventLog } from "../log/log.ts";
import { markPublished, selectUnpublished, toRecord } from "./sql.ts";

/** What one step of the relay did. */
export interface StepResult {
  /** Events published and marked. */
  readonly published: number;
  /** True when there may be more: the batch was full. */
  readonly more: boolean;
}

/** The leader's session is gone: nothing may be published or marked on its behalf any more. */
export class LeadershipLostError extends Error {
  override readonly name = "LeadershipLostError";
}

/**
 * One step: read a batch in id order, publish it, mark it. The transaction of the read has ended before the log is
 * asked, and the mark runs on the session that holds the leader's lock.
 * When it fails between publish and mark the batch is published again; the stream shows an event once by its id.
 * @param limit events at most
 */
export async function relayStep(session: Session, log: EventLog, limit: number): Promise<StepResult> {
  assertLeading(session);
  const rows = await selectUnpublished(session.sql, limit);
  if (rows.length === 0) return { published: 0, more: false };
  assertLeading(session);
  const positions = await log.publish(rows.map(toRecord));
  assertLeading(session);
  await markPublished(session.sql, rows, positions);
  return { published: rows.length, more: rows.length === limit };
}

function assertLeading(session: Session): void {
  if (!session.isOpen) throw new LeadershipLostError("the leader's database session was lost");
}
