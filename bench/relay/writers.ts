/** The write function called as the API does, without the API. */
import type postgres from "postgres";
import { TENANT } from "./outbox.ts";

const CONNECTIONS = 16;

/** Jobs written by 16 connections. @param tenant default one and the same */
export async function writeJobs(
  sql: postgres.Sql,
  seconds: number,
  tenant: () => string = () => TENANT,
): Promise<{ count: number; perSecond: number }> {
  const began = performance.now();
  const deadline = began + seconds * 1_000;
  const input = JSON.stringify({ title: "x", description: null, status: "Open", tags: [], attributes: {} });
  let count = 0;
  const lane = async () => {
    while (performance.now() < deadline) {
      const now = new Date();
      await sql`select * from create_job(
        row(${tenant()}::uuid, ${crypto.randomUUID()}::text, ${Buffer.alloc(32)}::bytea, 'POST', '/api/crm/jobs', 'bench',
          '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', null::integer[], false, ${now}::timestamptz,
          ${new Date(now.getTime() + 86_400_000)}::timestamptz)::write_request,
        ${Bun.randomUUIDv7()}::uuid, ${Bun.randomUUIDv7()}::uuid, ${input}::text::json)`;
      count++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  return { count, perSecond: count / ((performance.now() - began) / 1_000) };
}
