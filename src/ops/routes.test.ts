import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { calledBy } from "../../test/support/caller.ts";
import type { CallerEnv } from "../http/env.ts";
import { Frame } from "../stream/frame.ts";
import { loadAssets } from "./assets.ts";
import { type OpsDependencies, opsRoutes } from "./routes.ts";

const assets = await loadAssets({ script: "console.log(1);" });
const event = JSON.stringify({ topic: "t", partition: 0, offset: 0, timestamp: 0, key: "k", value: "hello" });
const outbox = async () => null;
const serve = (deps: OpsDependencies) => new Hono<CallerEnv>().use(calledBy()).route("/", opsRoutes(deps));
const app = serve({ assets, outbox, snapshot: () => ({ topic: "t", events: [event], lastEventId: "0:1" }) });

describe("GET /ops/crm-events", () => {
  test("answers the page under a policy that allows nothing inline and nothing foreign", async () => {
    const response = await app.request("http://localhost:9010/ops/crm-events");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    );
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toContain("hello");
  });

  test("is compressed for who asks", async () => {
    const response = await app.request("/ops/crm-events", { headers: { "Accept-Encoding": "gzip" } });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(response.headers.get("vary")).toContain("Accept-Encoding");
    expect(new TextDecoder().decode(Bun.gunzipSync(await response.arrayBuffer()))).toContain("hello");
  });

  test("asks for the snapshot each time", async () => {
    let asked = 0;
    const counting = serve({
      assets,
      outbox,
      snapshot: () => ({ topic: "t", events: [], lastEventId: `0:${++asked}` }),
    });
    expect(await (await counting.request("/ops/crm-events")).text()).toContain('"lastEventId":"0:1"');
    expect(await (await counting.request("/ops/crm-events")).text()).toContain('"lastEventId":"0:2"');
  });
});

describe("a page with a filter", () => {
  const record = (offset: number, type: string, status: string) =>
    new Frame(
      {
        topic: "t",
        partition: 0,
        offset,
        timestamp: offset * 1_000,
        key: `job-${offset}`,
        value: JSON.stringify({ eventType: type, data: { title: `Job ${offset}`, status } }),
        headers: { ce_type: type },
      },
      `0:${offset + 1}`,
    );
  const frames = [record(0, "JobCreated", "Open"), record(1, "JobDeleted", "Open"), record(2, "JobCreated", "Done")];
  const filtered = serve({
    assets,
    outbox,
    snapshot: (_, wanted) => ({
      topic: "t",
      events: frames.filter(wanted).map(({ json }) => json),
      lastEventId: "0:3",
    }),
  });
  const subjects = async (query: string) => {
    const page = await (await filtered.request(`/ops/crm-events?${query}`)).text();
    return [...page.matchAll(/<bdi[^>]*>([^<]*)</g)].map(([, subject]) => subject);
  };

  test.each([
    ["", ["Job 2", "Job 1", "Job 0"]],
    ["filter=type:JobCreated", ["Job 2", "Job 0"]],
    ["filter=type:*Created+-status:Done", ["Job 0"]],
    ["filter=%22job+1%22", ["Job 1"]],
    ["filter=typ:", ["Job 2", "Job 1", "Job 0"]],
    ["since=1970-01-01T00:00:01Z", ["Job 2", "Job 1"]],
    ["filter=status:Open&since=1970-01-01T00:00:01Z", ["Job 1"]],
    ["since=nonsense&unknown=1", ["Job 2", "Job 1", "Job 0"]],
  ])("%j has what it lets through, without scripts too", async (query, expected) => {
    expect(await subjects(query)).toEqual(expected);
  });
});

describe("the theme", () => {
  test.each([
    ["theme=dark", '<html lang="en" data-theme="dark">'],
    ["theme=light", '<html lang="en" data-theme="light">'],
    ['theme="><script>', '<html lang="en">'],
    ["", '<html lang="en">'],
  ])("of the cookie %j is written into the page, so that nothing flashes", async (cookie, expected) => {
    const response = await app.request("/ops/crm-events", { headers: { Cookie: cookie } });
    expect(await response.text()).toContain(expected);
  });
});

describe("GET /assets", () => {
  test.each(Object.values(assets))("serves $path for ever", async ({ path, type, body }) => {
    const response = await app.request(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(await response.text()).toBe(body);
  });

  test("answers 404 for any other name", async () => {
    for (const path of ["/assets/ops-000000000000.js", "/assets/..%2Fpackage.json", "/assets/"])
      for (const method of ["GET", "HEAD", "POST"]) expect((await app.request(path, { method })).status).toBe(404);
  });
});
