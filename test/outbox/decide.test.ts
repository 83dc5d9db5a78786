/** `aetherlink outbox`, as an operator runs it: a process of its own on the servers' database. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { hostname, userInfo } from "node:os";
import { append, TENANT } from "../../src/outbox/outbox.fixture.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { ROOT } from "../support/server.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

async function aetherlink(...args: string[]): Promise<{ code: number; out: string }> {
  const run = Bun.spawn([process.execPath, "src/main.ts", ...args], {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: db.url },
    stdout: "pipe",
    stderr: "inherit",
  });
  const out = await new Response(run.stdout).text();
  return { code: await run.exited, out };
}

async function deadLetter(): Promise<string> {
  const aggregate = crypto.randomUUID();
  const [id = ""] = await append(db.sql, [1], aggregate);
  await db.sql`
    update outbox_events set held = true, retry_count = 5, last_error = 'too large', dead_at = now() where event_id = ${id}`;
  await db.sql`insert into outbox_blocked (tenant_id, aggregate_id, dead) values (${TENANT}, ${aggregate}, true)`;
  return id;
}

test("requeue and discard are in the audit with who, what and why, and the list has them no more", async () => {
  const [first, second] = [await deadLetter(), await deadLetter()];
  const listed = JSON.parse((await aetherlink("outbox", "list", "--json")).out) as { data: { eventId: string }[] };
  expect(listed.data.map(({ eventId }) => eventId)).toEqual([first, second]);

  expect(await aetherlink("outbox", "requeue", first, "--reason", "the topic takes more now")).toMatchObject({
    code: 0,
    out: expect.stringContaining(`requeued ${first}`),
  });
  expect((await aetherlink("outbox", "discard", second, "--reason", "sent by hand")).code).toBe(0);
  // It is no dead letter any more: 3 says so, and nothing is added to the audit.
  expect((await aetherlink("outbox", "discard", second)).code).toBe(3);

  const actor = `cli:${userInfo().username}@${hostname()}`;
  expect(await db.sql`select actor, action, event_id, last_error, reason from outbox_audit order by id`).toMatchObject([
    { actor, action: "requeue", event_id: first, last_error: "too large", reason: "the topic takes more now" },
    { actor, action: "discard", event_id: second, last_error: "too large", reason: "sent by hand" },
  ]);
  expect(JSON.parse((await aetherlink("outbox", "list", "--json")).out)).toMatchObject({ data: [] });
});
