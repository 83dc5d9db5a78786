import type { Sql, Transaction } from "./pool.ts";

/**
 * Runs `work` in a transaction that can see and write the rows of one tenant only: row-level security holds it there.
 * Commits when `work` resolves, rolls back when it throws.
 * @param tenantId UUID
 */
export async function withTenant<T>(sql: Sql, tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const result = await sql.begin(async (tx) => {
    await tx`select enter_tenant(${tenantId})`;
    return { value: await work(tx) };
  });
  return result.value;
}
