import type postgres from "postgres";

/** Channel on which every replica listens: an alert came, or something was written to the audit. */
export const CHANNEL = "aetherlink_autoheal";

/** Says so. No business transaction waits on the lock that this takes. */
export async function notifyReplicas(db: postgres.ISql): Promise<void> {
  await db`select pg_notify(${CHANNEL}, '')`;
}
