import { afterAll, beforeAll, expect, test } from "bun:test";
import { hc } from "hono/client";
import type { CrmApi } from "../src/crm/api.ts";
import { type TestDatabase, testDatabase } from "./support/postgres.ts";
import { type TestRoutes, testRoutes } from "./support/routes.ts";

let db: TestDatabase;
let routes: TestRoutes;
beforeAll(async () => {
  db = await testDatabase();
  routes = await testRoutes(db.url);
});
afterAll(async () => {
  await routes.stop();
  await db.drop();
});

test("the typed client knows paths, parameters, bodies and answers", async () => {
  const fetch = (input: RequestInfo | URL, init?: RequestInit) => routes.app.request(new Request(input, init));
  const headers = { "X-Tenant-Id": crypto.randomUUID() };
  const client = hc<CrmApi>("http://localhost/api/crm", { fetch, headers });

  const made = await client.jobs.$post({
    json: { title: "Fix the roof", amount: { value: "12.50", currency: "EUR" } },
  });
  const job = await made.json();
  const value: string | undefined = job.amount?.value;
  expect(value).toBe("12.50");
  const changed = await client.jobs[":id"].$patch({ param: { id: job.id }, json: { status: "Completed" } });
  const status: "Open" | "Scheduled" | "InProgress" | "Completed" | "Cancelled" = (await changed.json()).status;
  expect(status).toBe("Completed");
  const page = await (await client.jobs.$get({ query: { status: "Completed", limit: "1" } })).json();
  expect(page.data.map((row) => row.id)).toEqual([job.id]);
  const history = await (await client.jobs[":id"].events.$get({ param: { id: job.id }, query: {} })).json();
  expect(history.data.map((event) => event.delivery.state)).toEqual(["committed", "committed", "committed"]);
  const batch = await client["jobs:batch"].$post({ json: { jobs: [{ title: "x" }] } });
  expect((await batch.json()).jobs).toHaveLength(1);

  // @ts-expect-error There is no such status.
  expect((await client.jobs.$post({ json: { title: "x", status: "Done" } })).status).toBe(422);
});
