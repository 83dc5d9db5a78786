import type postgres from "postgres";
import type { Sql } from "../db/pool.ts";

/** Key of the session advisory lock that makes one relay the leader: "AERL" in ASCII. */
export const LEADER_LOCK = 0x41_45_52_4c;

/** Takes the leader's lock for this session, unless another one has it. It is held until the session ends. */
export async function tryLead(session: postgres.ReservedSql): Promise<boolean> {
  const [row] = await session<{ leads: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as leads`;
  return row?.leads === true;
}

/** Another server leads the relay of this database into a log of its own; the message is one line that says what to do. */
export class SecondLogError extends Error {
  override readonly name = "SecondLogError";
}

/** Milliseconds for which a leader that is going away is waited for, and between two looks. */
const PREDECESSOR_MS = 3_000;
const PREDECESSOR_POLL_MS = 50;

/**
 * Makes sure that nobody leads, before an in-process log is refilled: two of those would give out the same offsets.
 * @throws {SecondLogError} when somebody still leads after 3 s
 */
export async function refuseSecondLog(sql: Sql): Promise<void> {
  const session = await sql.reserve();
  try {
    const deadline = performance.now() + PREDECESSOR_MS;
    for (;;) {
      const [row] = await session<{ free: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as free`;
      if (row?.free) break;
      if (performance.now() > deadline) {
        throw new SecondLogError(
          "DATABASE_URL: another server already works on this database with an event log inside its process; " +
            "stop it, or set KAFKA_BROKERS for both",
        );
      }
      await Bun.sleep(PREDECESSOR_POLL_MS);
    }
    await session`select pg_advisory_unlock(${LEADER_LOCK})`;
  } finally {
    session.release();
  }
}
