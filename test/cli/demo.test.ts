/** `aetherlink demo` as a process of its own, on a real server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import { RunningCommand } from "./command.ts";

let db: TestDatabase;
let server: RunningServer;
beforeAll(async () => {
  db = await testDatabase();
  server = await new RunningServer({ env: { DATABASE_URL: db.url, LOG_FORMAT: "json" } }).ready();
});
afterAll(async () => {
  await server.stop();
  await db.drop();
});

const demo = (args: readonly string[], url = server.url) =>
  new RunningCommand(["demo", ...args], { AETHERLINK_URL: url });

/** What happened to the tenants, in order, without ids and times. */
async function business(tenants: readonly string[]) {
  const rows = await db.sql<{ tenant: string; type: string; data: string }[]>`
    select tenant_id as tenant, type, payload #>> '{data}' as data from outbox_events
    where tenant_id in ${db.sql(tenants)} order by tenant_id, id`;
  const nameless = (data: string) => data.replaceAll(/"[\da-f]{8}-[-\da-f]+"|"\d{4}-\d\d-\d\dT[^"]+"/g, "…");
  return rows.map(({ tenant, type, data }) => `${tenant} ${type} ${nameless(data)}`);
}

async function events(tenants: readonly string[]): Promise<Record<string, number>> {
  const rows = await db.sql<{ type: string; count: number }[]>`
    select type, count(*)::int as count from outbox_events where tenant_id in ${db.sql(tenants)} group by type`;
  return Object.fromEntries(rows.map(({ type, count }) => [type, count]));
}

const sum = (counts: Record<string, number>, pattern: RegExp) =>
  Object.entries(counts).reduce((total, [type, count]) => total + (pattern.test(type) ? count : 0), 0);

test("it sends what it says, of every kind, and its summary is what the database has", async () => {
  const command = demo(["--rate", "200", "--seconds", "2", "--tenants", "4", "--seed", "42", "--json"]);
  expect(await command.ended()).toBe(0);
  expect(command.err).toBe("");
  const summary = JSON.parse(command.out);
  expect(summary).toMatchObject({ failed: 0, retried: 0, interrupted: false, seed: 42 });
  expect(summary.tenants).toHaveLength(4);
  expect(summary.requests).toBeLessThanOrEqual(400);
  expect(summary.requests).toBeGreaterThan(100);
  const counts = await events(summary.tenants);
  expect(sum(counts, /./)).toBe(summary.events);
  expect(sum(counts, /Created$/)).toBe(summary.created);
  expect(sum(counts, /Updated$/)).toBe(summary.changed);
  expect(counts.JobStatusChanged).toBe(summary.statusChanges);
  expect(sum(counts, /Deleted$/)).toBe(summary.deleted);
  for (const type of ["AccountCreated", "ContactCreated", "JobCreated", "JobUpdated", "JobStatusChanged", "JobDeleted"])
    expect(counts[type] ?? 0, type).toBeGreaterThan(0);
});

test("the same seed is the same business, another is another; a second run is not answered from the first one's store", async () => {
  const run = async (seed: string) => {
    const command = demo(["--rate", "100", "--seconds", "1", "--tenants", "2", "--seed", seed, "--json"]);
    expect(await command.ended()).toBe(0);
    const { tenants } = JSON.parse(command.out);
    const happened = await business(tenants);
    await db.sql`delete from outbox_events where tenant_id in ${db.sql(tenants)}`;
    // By tenant: one may have come further than in another run.
    return new Map<string, string[]>(
      tenants.map((tenant: string) => [tenant, happened.filter((line) => line.startsWith(tenant)).slice(0, 20)]),
    );
  };
  const [first, second, other] = [await run("7"), await run("7"), await run("8")];
  expect([...first.values()].every((lines) => lines.length === 20)).toBe(true);
  expect(second).toEqual(first);
  expect([...other.keys()]).not.toEqual([...first.keys()]);
});

test("Ctrl-C ends it at once, with its summary and 0; nothing is left half done", async () => {
  const command = demo(["--rate", "50", "--seconds", "3600"]);
  await command.until(({ out }) => out.includes(`watch ${server.url}/ops/crm-events\n`));
  const tenants = () =>
    db.sql`select distinct tenant_id from outbox_events where occurred_at > now() - interval '10 s'`;
  while ((await tenants()).length < 3) await Bun.sleep(20);
  const began = performance.now();
  expect(await command.stop("SIGINT")).toBe(0);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(command.lines.at(-1)).toMatch(/^\d+ requests in [\d.]+ s made \d+ events: .* 0 sent again, 0 failed$/);
});

test("what was done but not answered is sent again with the same key, and done once", async () => {
  let count = 0;
  // A gateway that passes every request on, and says of each seventh that it knows of no answer.
  const gateway = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const { method, headers } = request;
      const body = method === "DELETE" ? undefined : await request.text();
      const response = await fetch(`${server.url}${pathname}`, { method, headers, ...(body && { body }) });
      count += 1;
      return count % 7 === 0 ? new Response("no answer", { status: 502 }) : response;
    },
  });
  const command = demo(["--rate", "100", "--seconds", "2", "--seed", "99", "--json"], gateway.url.origin);
  expect(await command.ended()).toBe(0);
  await gateway.stop(true);
  const summary = JSON.parse(command.out);
  expect(summary.failed).toBe(0);
  expect(summary.retried).toBe(Math.floor(count / 7));
  expect(summary.retried).toBeGreaterThan(3);
  expect(sum(await events(summary.tenants), /./)).toBe(summary.events);
});

test.each([
  [["--rate", "0"], 2, "--rate is a whole number from 1 to 500"],
  [["--seconds", "1e9"], 2, "--seconds is a whole number from 1 to 86400"],
  [["--tenant", "me"], 2, "--tenant is a UUID"],
  [["--url", "http://127.0.0.1:1", "--seconds", "1", "--tenants", "1"], 1, "http://127.0.0.1:1: nobody listens there"],
])("%p is answered by one line", async (args, code, line) => {
  const command = demo(args);
  expect(await command.ended()).toBe(code);
  expect(command.err).toContain(line);
  expect(command.err.trimEnd().split("\n")).toHaveLength(1);
});
