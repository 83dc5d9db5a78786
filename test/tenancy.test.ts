/** Bob tries every route with Alice's ids, and every table without saying whose rows he wants. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "./support/postgres.ts";
import { ask, type TestRoutes, testRoutes } from "./support/routes.ts";
import { until } from "./support/wait.ts";

const [ALICE, BOB] = ["aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"];
/** Stands in everything that is Alice's. */
const SECRET = "alicesecret";

interface Ids {
  account: string;
  contact: string;
  job: string;
}

let db: TestDatabase;
let routes: TestRoutes;
let alice: Ids;
let bob: Ids;
/** A cursor of a list of Alice's. */
let cursor: string;

const make = async (tenant: string, path: string, body: unknown) =>
  (await ask(routes.app, tenant, `POST /api/crm/${path}`, { body })).json.id ?? "";

async function makeAll(tenant: string, text: string): Promise<Ids> {
  const account = await make(tenant, "accounts", { name: text });
  const contact = await make(tenant, "contacts", { name: text, email: `${text}@example.com`, accountId: account });
  const job = { title: text, tags: [text], accountId: account, contactId: contact };
  await make(tenant, "jobs", job);
  return { account, contact, job: await make(tenant, "jobs", job) };
}

beforeAll(async () => {
  db = await testDatabase();
  // So that it can be seen which of our functions were called.
  await db.sql.unsafe(`alter database ${new URL(db.url).pathname.slice(1)} set track_functions = 'all'`);
  routes = await testRoutes(db.url);
  alice = await makeAll(ALICE, SECRET);
  cursor = (await ask(routes.app, ALICE, "GET /api/crm/jobs?limit=1")).json.next ?? "";
});
afterAll(async () => {
  await routes.stop();
  await db.drop();
});
beforeEach(async () => {
  bob = await makeAll(BOB, "bob");
});

/** What Bob sends to a route, and what he may be answered. */
interface Attempt {
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
}

const key = { "Idempotency-Key": "of-alice" };

/** Attempts at each route of the CRM; for the others why a tenant is nothing to them. */
const attempts: Record<string, string | (() => Attempt[])> = {
  "POST /api/crm/jobs": () => [
    { path: "/api/crm/jobs", body: { title: "x", accountId: alice.account }, status: 422 },
    { path: "/api/crm/jobs", body: { title: "x", contactId: alice.contact }, status: 422 },
    { path: "/api/crm/jobs", body: { title: "x", tenantId: ALICE }, status: 422 },
    { path: "/api/crm/jobs", body: { title: "x", id: alice.job }, status: 422 },
    { path: "/api/crm/jobs", body: { title: "his own" }, headers: key, status: 201 },
  ],
  "GET /api/crm/jobs": () => [
    { path: `/api/crm/jobs?accountId=${alice.account}`, status: 200 },
    { path: `/api/crm/jobs?contactId=${alice.contact}`, status: 200 },
    { path: `/api/crm/jobs?q=${SECRET}`, status: 200 },
    { path: `/api/crm/jobs?tag=${SECRET}`, status: 200 },
    { path: `/api/crm/jobs?cursor=${cursor}`, status: 200 },
    { path: `/api/crm/jobs?tenantId=${ALICE}`, status: 400 },
  ],
  "GET /api/crm/jobs/:id": () => [{ path: `/api/crm/jobs/${alice.job}`, status: 404 }],
  "PATCH /api/crm/jobs/:id": () => [
    { path: `/api/crm/jobs/${alice.job}`, body: { title: "his" }, status: 404 },
    { path: `/api/crm/jobs/${bob.job}`, body: { accountId: alice.account, attributes: { a: 1 } }, status: 422 },
    { path: `/api/crm/jobs/${bob.job}`, body: { contactId: alice.contact }, status: 422 },
    { path: `/api/crm/jobs/${bob.job}`, body: { tenantId: ALICE }, status: 422 },
  ],
  "DELETE /api/crm/jobs/:id": () => [{ path: `/api/crm/jobs/${alice.job}`, status: 404 }],
  "GET /api/crm/jobs/:id/events": () => [{ path: `/api/crm/jobs/${alice.job}/events`, status: 404 }],
  "POST /api/crm/jobs:batch": () => [
    {
      path: "/api/crm/jobs:batch",
      body: { jobs: [{ title: "x" }, { title: "x", accountId: alice.account }] },
      status: 422,
    },
    { path: "/api/crm/jobs:batch", body: { jobs: [{ title: "x", contactId: alice.contact }] }, status: 422 },
  ],
  "POST /api/crm/accounts": () => [
    { path: "/api/crm/accounts", body: { name: "x", tenantId: ALICE }, status: 422 },
    { path: "/api/crm/accounts", body: { name: "x", id: alice.account }, status: 422 },
  ],
  "GET /api/crm/accounts": () => [
    { path: `/api/crm/accounts?name=${SECRET}`, status: 200 },
    { path: `/api/crm/accounts?q=${SECRET}`, status: 200 },
  ],
  "GET /api/crm/accounts/:id": () => [{ path: `/api/crm/accounts/${alice.account}`, status: 404 }],
  "PATCH /api/crm/accounts/:id": () => [
    { path: `/api/crm/accounts/${alice.account}`, body: { name: "his" }, status: 404 },
  ],
  "DELETE /api/crm/accounts/:id": () => [{ path: `/api/crm/accounts/${alice.account}`, status: 404 }],
  "GET /api/crm/accounts/:id/events": () => [{ path: `/api/crm/accounts/${alice.account}/events`, status: 404 }],
  "POST /api/crm/contacts": () => [
    { path: "/api/crm/contacts", body: { name: "x", accountId: alice.account }, status: 422 },
  ],
  "GET /api/crm/contacts": () => [
    { path: `/api/crm/contacts?accountId=${alice.account}`, status: 200 },
    { path: `/api/crm/contacts?email=${SECRET}@example.com`, status: 200 },
    { path: `/api/crm/contacts?q=${SECRET}`, status: 200 },
  ],
  "GET /api/crm/contacts/:id": () => [{ path: `/api/crm/contacts/${alice.contact}`, status: 404 }],
  "PATCH /api/crm/contacts/:id": () => [
    { path: `/api/crm/contacts/${alice.contact}`, body: { name: "his" }, status: 404 },
    { path: `/api/crm/contacts/${bob.contact}`, body: { accountId: alice.account }, status: 422 },
  ],
  "DELETE /api/crm/contacts/:id": () => [{ path: `/api/crm/contacts/${alice.contact}`, status: 404 }],
  "GET /api/crm/contacts/:id/events": () => [{ path: `/api/crm/contacts/${alice.contact}/events`, status: 404 }],
  "GET /": "health",
  "GET /healthz/live": "health",
  "GET /healthz/ready": "health",
  "GET /openapi.json": "the same for everybody",
  "GET /docs": "the same for everybody",
  "GET /docs/docs.css": "the same for everybody",
  "GET /metrics": "numbers of the whole server",
  "GET /crm-events": "for operators: every tenant's events",
  "GET /ops/crm-events": "for operators: every tenant's events",
  "GET /api/ops/outbox": "for operators: numbers of the whole server",
  "GET /api/ops/outbox/dead-letters": "for operators",
  "GET /api/ops/outbox/audit": "for operators",
  "POST /api/ops/outbox/dead-letters/:eventId/requeue": "for operators",
  "POST /api/ops/outbox/dead-letters/:eventId/discard": "for operators",
  "GET /autoheal/status": "for operators: numbers of the whole server",
  "GET /autoheal/audit": "for operators",
  "GET /autoheal/events": "for operators",
  "POST /autoheal/ack": "for operators",
  "GET /ops/autoheal": "for operators",
  "POST /autoheal/alert": "for Alertmanager, by a token of its own",
};

/** All that is Alice's. */
async function rowsOfAlice(): Promise<unknown> {
  const [row] = await db.sql`
    select (select json_agg(j order by id) from jobs j where tenant_id = ${ALICE}) as jobs,
      (select json_agg(a order by id) from accounts a where tenant_id = ${ALICE}) as accounts,
      (select json_agg(c order by id) from contacts c where tenant_id = ${ALICE}) as contacts,
      (select json_agg(e order by id) from outbox_events e where tenant_id = ${ALICE}) as events,
      (select json_agg(k order by key) from idempotency_keys k where tenant_id = ${ALICE}) as keys`;
  return row;
}

describe("another tenant's ids", () => {
  test("are tried on every route there is: a new one has to be added here", () => {
    const all = routes.app.routes
      .filter((route) => route.method !== "ALL" && !route.path.startsWith("/assets/"))
      .map((route) => `${route.method} ${route.path}`);
    expect([...new Set(all)].toSorted()).toEqual(Object.keys(attempts).toSorted());
  });

  const crm = Object.entries(attempts).filter(([, attempt]) => typeof attempt !== "string");
  test.each(crm.map(([route]) => route))("open nothing at %s", async (route) => {
    await ask(routes.app, ALICE, "POST /api/crm/jobs", { body: { title: SECRET }, headers: key });
    const before = await rowsOfAlice();
    const made = attempts[route];
    if (typeof made !== "function") throw new Error(`no attempt at ${route}`);
    for (const { path, status, ...request } of made()) {
      const [method] = route.split(" ");
      const answer = await ask(routes.app, BOB, `${method} ${path}`, request);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.text).not.toContain(SECRET);
      expect(answer.headers.get("Idempotent-Replayed")).toBeNull();
      if (status === 200 && !path.includes("cursor")) expect(answer.json.data).toEqual([]);
      // What she is told about something that is not there at all is word for word the same.
      if (status === 404) {
        const nowhere = crypto.randomUUID();
        const hers = Object.values(alice).find((id) => path.includes(id)) ?? "";
        const other = await ask(routes.app, BOB, `${method} ${path.replace(hers, nowhere)}`, request);
        const plain = (text: string) => text.replaceAll(nowhere, hers).replace(/"requestId":"[^"]+"/, "");
        expect(plain(other.text)).toBe(plain(answer.text));
      }
    }
    expect(await rowsOfAlice()).toEqual(before);
  });
});

describe("without the tenant setting", () => {
  /** Tables that requests work with. */
  const tables = () => db.sql<{ name: string; columns: string[] }[]>`
    select c.relname as name from pg_class c
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
      and has_table_privilege('aetherlink_app', c.oid, 'select, insert, update, delete') order by 1`;

  /** Runs a statement as a request would that forgot its tenant, in a transaction that is rolled back. */
  const unheld = async (statement: string, setting?: string) => {
    const session = await db.sql.reserve();
    try {
      await session`begin`;
      await session`set local role aetherlink_app`;
      if (setting !== undefined) await session`select set_config('app.tenant_id', ${setting}, true)`;
      return (await session.unsafe(statement)).count;
    } finally {
      await session`rollback`;
      session.release();
    }
  };

  test("no statement on any table sees, changes or deletes a row, also when the setting is empty", async () => {
    const names = (await tables()).map((table) => table.name);
    expect(names).toEqual(["accounts", "contacts", "idempotency_keys", "jobs", "outbox_events"]);
    for (const name of names) {
      for (const setting of [undefined, ""]) {
        expect(await unheld(`select * from ${name}`, setting)).toBe(0);
        expect(await unheld(`select * from ${name} where tenant_id = '${ALICE}'`, setting)).toBe(0);
        if (name === "outbox_events") continue;
        expect(await unheld(`update ${name} set tenant_id = tenant_id`, setting)).toBe(0);
        if (name !== "idempotency_keys") expect(await unheld(`delete from ${name}`, setting)).toBe(0);
      }
    }
    await expect(
      unheld(`insert into accounts (tenant_id, id, name, created_at, updated_at)
        values ('${ALICE}', gen_random_uuid(), 'forged', now(), now())`),
    ).rejects.toThrow("row-level security");
  });

  test("a search finds no candidates, and the role that finds them is left again", async () => {
    const search = `select find_matches('jobs', '{"like":["%${SECRET}%"]}', ' and e.title ilike ($2 #>> ''{like,0}'')') as ids`;
    const session = await db.sql.reserve();
    try {
      // For the last test: this session is older than the database's setting.
      await session`set track_functions = 'all'`;
      await session`begin`;
      await session`set local role aetherlink_app`;
      expect(await session.unsafe(search)).toMatchObject([{ ids: [] }]);
      expect(await session`select current_user as who`).toMatchObject([{ who: "aetherlink_app" }]);
      await session`select set_config('app.tenant_id', ${BOB}, true)`;
      expect(await session.unsafe(search)).toMatchObject([{ ids: [] }]);
    } finally {
      await session`rollback`;
      await session`select pg_stat_force_next_flush()`;
      session.release();
    }
  });

  test("the role that finds candidates reads no more columns than it searches", async () => {
    const columns = await db.sql`
      select table_name || '.' || column_name as name from information_schema.column_privileges
      where grantee = 'aetherlink_relay' and privilege_type = 'SELECT' and table_name in ('jobs', 'accounts', 'contacts')
      order by 1`;
    expect(columns.map((column) => column.name)).toEqual([
      "accounts.id",
      "accounts.name",
      "accounts.tenant_id",
      "accounts.website",
      "contacts.email",
      "contacts.id",
      "contacts.name",
      "contacts.tenant_id",
      "jobs.description",
      "jobs.id",
      "jobs.tags",
      "jobs.tenant_id",
      "jobs.title",
    ]);
  });
});

test("jobs of his that are made in one transaction with hers see and take nothing of hers", async () => {
  const make = (tenant: string, body: object) => ask(routes.app, tenant, "POST /api/crm/jobs", { body });
  const hers = { title: SECRET, accountId: alice.account, contactId: alice.contact };
  const answers = await Promise.all([
    ...[1, 2, 3].map(() => make(ALICE, hers)),
    ...[1, 2, 3].map(() => make(BOB, { title: "his own" })),
    ...[hers.accountId, hers.contactId].map((id, i) => make(BOB, { title: "x", [i ? "contactId" : "accountId"]: id })),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201, 422, 422]);
  for (const { text } of answers.slice(3)) expect(text).not.toContain(SECRET);
  const [{ shared } = { shared: false }] = await db.sql<{ shared: boolean }[]>`
    select exists (select from jobs a join jobs b on a.xmin = b.xmin where a.tenant_id = ${ALICE} and b.tenant_id = ${BOB}) as shared`;
  expect(shared).toBe(true);
});

/** Those in plain SQL only format, and stand in the place of their call, so that PostgreSQL counts none. */
test("all this has called every SQL function of ours that has statements: a new one has to be reached by an attempt", async () => {
  const uncalled = async () => {
    const rows = await db.sql<{ name: string }[]>`
      select p.proname as name from pg_proc p left join pg_stat_user_functions s on s.funcid = p.oid
      where p.pronamespace = 'public'::regnamespace and s.calls is null
        and p.prolang = (select oid from pg_language where lanname = 'plpgsql')
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
      order by 1`;
    return rows.map(({ name }) => name);
  };
  // A session tells what it called at most once a second.
  await until("all were called", 5_000, async () => (await uncalled()).length === 0).catch(() => {});
  expect(await uncalled()).toEqual([]);
});
