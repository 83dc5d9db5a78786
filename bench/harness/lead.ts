import type { ReservedSql, Sql } from "postgres";
import { LEADER_LOCK } from "../../src/outbox/lock.ts";
import type { RunningServer } from "../../test/support/server.ts";

/**
 * Takes the lead from the server's relay, as another server would have it: from then on it publishes nothing.
 * @returns the session that has the lead, until it is released
 */
export async function holdLead(server: RunningServer, sql: Sql): Promise<ReservedSql> {
  await server.until((output) => output.includes("relay leads"));
  const session = await sql.reserve();
  const taken = session`select pg_advisory_lock(${LEADER_LOCK})`.execute();
  await sql`
    select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and objid = ${LEADER_LOCK} and granted
      and database = (select oid from pg_database where datname = current_database())`;
  await taken;
  return session;
}
