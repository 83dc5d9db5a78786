import type { Sql } from "../../db/pool.ts";
import { within } from "../../deadline.ts";
import { AppError } from "../../errors.ts";
import { decide, fateOf, listDeadLetters } from "../../outbox/index.ts";
import type { Performed } from "./act.ts";

/** Milliseconds in which an event that is refused again becomes a dead letter again: five tries, each later than the one before. */
const TRIES_MS = 10_000;
/** Milliseconds between looks at what became of them. */
const LOOK_MS = 200;

/**
 * Gives the oldest dead letters five new tries.
 * @param limit dead letters at most
 * @returns that it helped when all of them were published; not when some died again or still wait after ten seconds
 */
export async function requeue(sql: Sql, limit: number, decisionId: string, signal: AbortSignal): Promise<Performed> {
  const requeued = await requeueOldest(sql, limit, decisionId);
  if (requeued.length === 0) return { detail: "there were no dead letters", helped: true };
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  signal.addEventListener("abort", abort, { once: true });
  let fate = await fateOf(sql, requeued);
  for (const until = performance.now() + TRIES_MS; fate.waiting > 0 && !signal.aborted && performance.now() < until; ) {
    await within(LOOK_MS, aborted.promise);
    fate = await fateOf(sql, requeued);
  }
  signal.removeEventListener("abort", abort);
  const detail = `requeued: ${requeued.length}, died again: ${fate.dead}, still waiting: ${fate.waiting}`;
  return { detail, helped: fate.dead + fate.waiting === 0 };
}

/** @returns the ids of their events */
async function requeueOldest(sql: Sql, limit: number, decisionId: string): Promise<string[]> {
  // A page has 200 at most where people read it, and as many as are asked for here.
  const { data } = await listDeadLetters(sql, limit);
  const requeued: string[] = [];
  for (const { eventId } of data) {
    try {
      await decide(sql, eventId, { action: "requeue", actor: "autoheal", reason: `decision ${decisionId}` });
      requeued.push(eventId);
    } catch (error) {
      // A person was faster.
      if (!(error instanceof AppError)) throw error;
    }
  }
  return requeued;
}
