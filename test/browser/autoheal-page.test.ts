import { beforeAll, expect } from "bun:test";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import type { Page } from "playwright-core";
import { realAmbient } from "../../src/ambient.ts";
import { alertOf, silent, touch, World } from "../../src/autoheal/autoheal.fixture.ts";
import { autohealOverview, autohealRoutes } from "../../src/autoheal/index.ts";
import { requestContext } from "../../src/http/context.ts";
import type { AppEnv, CallerEnv } from "../../src/http/env.ts";
import { onError } from "../../src/http/errors.ts";
import { type Assets, autohealPageRoutes, loadAssets, opsRoutes } from "../../src/ops/index.ts";
import { calledBy } from "../support/caller.ts";
import { testDatabase } from "../support/postgres.ts";
import { until } from "../support/wait.ts";
import { expectAccessible } from "./accessibility.ts";
import { afterwards, forgive, inBrowser, live, openAt, texts } from "./world.ts";

/** Where the pictures are left, for people to look at. */
const SHOTS = join(tmpdir(), "aetherlink-screenshots");

let assets: Assets;
// Both take a moment, which is not to count as a test's.
beforeAll(async () => {
  assets = await loadAssets();
  await (await testDatabase()).drop();
}, 60_000);

/** A real autoheal on a real database, its routes and its page. */
async function start() {
  const world = await World.open();
  afterwards(() => world.stop());
  const rules = {
    actions: {
      "restart-relay": { type: "restart-relay" },
      "restart-broker": { type: "exec", command: ["docker", "restart", "{target}"], targets: ["redpanda"] },
      broken: { ...touch(world.newFile(), 1), breaker: { failures: 1, openSeconds: 600 } },
      fine: touch(world.newFile()),
    },
    rules: [
      { probe: "broker", forSeconds: 3_600, action: "restart-relay" },
      { alert: "BrokerDown", action: "restart-broker", target: { label: "container" } },
      { alert: "Broken", action: "broken" },
      { alert: "Fine", action: "fine" },
    ],
  };
  const { autoheal, file } = await world.start("one", rules, { beatMs: 100 });
  await until("it leads", 10_000, () => autoheal.state === "leading");
  const deps = { sql: world.sql, autoheal, token: undefined };
  const nothing = { topic: "t", events: [], lastEventId: "0:0" };
  const pages = new Hono<CallerEnv>()
    .use(calledBy())
    .route("/autoheal", autohealRoutes(deps))
    .route("/", autohealPageRoutes({ assets, overview: () => autohealOverview(deps) }))
    .route("/", opsRoutes({ assets, outbox: async () => null, snapshot: () => nothing }));
  const app = new Hono<AppEnv>().onError(onError).use(requestContext(silent, realAmbient)).route("/", pages);
  const fetch = (request: Request, server: Bun.Server<undefined>) => app.fetch(request, { server });
  let server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch });
  afterwards(() => server.stop(true));
  const { port } = server;
  return {
    world,
    autoheal,
    file,
    url: `http://127.0.0.1:${port}/ops/autoheal`,
    fire: (name: string, n: number, labels: Record<string, string> = {}) =>
      autoheal.inbox.receive([alertOf(name, n, { labels: { alertname: name, ...labels } })]),
    async restart() {
      await server.stop(true);
      autoheal.feed.stop();
      autoheal.feed.start();
      server = Bun.serve({ port: port ?? 0, hostname: "127.0.0.1", idleTimeout: 0, fetch });
    },
  };
}

const results = (page: Page) => texts(page, ".decision-row .badge");
const decided = async (page: Page, count: number) => {
  await page.waitForFunction((n) => document.querySelectorAll(".decision").length === n, count);
};

inBrowser("the page of autoheal", (it) => {
  it("is whole without scripts: status, what would happen, limits, decisions, acknowledgements", async () => {
    const { url, fire, autoheal } = await start();
    await fire("Fine", 1);
    await autoheal.acknowledge("anna", { cause: "alert Broken", note: "being mended", minutes: 60 });
    const page = await openAt(url, { javaScriptEnabled: false });
    expect(await page.title()).toBe("Autoheal · AetherLink");
    expect(await texts(page, ".figure")).toEqual(["Healthy", "one", "100 %", "one.json"]);
    expect(await texts(page, ".preview-row .badge")).toEqual(["would act", "dry run", "acknowledged", "cooldown"]);
    expect((await texts(page, ".action-row .row-main")).length).toBe(4);
    expect(await texts(page, ".ack-row .row-words")).toEqual(["being mended"]);
    expect((await results(page)).toSorted()).toContain("acknowledged");
    expect(await page.locator(".ack-form").isVisible()).toBe(false);
    await page.locator(".decision-row").first().click();
    expect(await page.locator(".decision-detail .facts").first().isVisible()).toBe(true);
  });

  it("takes over what the server wrote without a change, and shows each decision as it is made", async () => {
    const { url, fire } = await start();
    const page = await openAt(url, {});
    await live(page);
    const touched: string[] = await page.evaluate("window.touched");
    expect(touched.filter((change) => !change.endsWith("#text"))).toEqual([]);
    expect(await texts(page, ".none")).toContain("Nothing was decided yet: all is well, or nothing was asked.");
    await fire("Fine", 1);
    await decided(page, 1);
    await page.locator(".decision-row .badge", { hasText: "done" }).waitFor();
    await fire("Broken", 2);
    await page.locator(".decision-row .badge", { hasText: "error" }).waitFor();
    // What the status says has changed with them.
    await page.locator(".limits .dead", { hasText: "open for 10 min" }).waitFor();
    await page.locator(".preview-row .badge", { hasText: "breaker open" }).waitFor();
  });

  it("acknowledges a cause from its row, with a note and an end, and nothing is done about it from then on", async () => {
    const { url, fire, world } = await start();
    const page = await openAt(url, {});
    await live(page);
    await page.getByRole("button", { name: "Acknowledge alert Fine" }).click();
    await until("the form names it", 5_000, async () => (await page.getByLabel("Cause").inputValue()) === "alert Fine");
    await page.getByLabel("Note").fill("I am at it");
    await page.locator("select[name=minutes]").selectOption("4 hours");
    await page.getByRole("button", { name: "Acknowledge", exact: true }).click();
    await page.locator(".ack-row", { hasText: "I am at it" }).waitFor();
    await page.getByText("alert Fine is acknowledged").waitFor({ state: "attached" });
    await fire("Fine", 1);
    await decided(page, 2);
    expect(await results(page)).toEqual(["acknowledged", "acknowledged"]);
    const [row] = await world.db
      .sql`select note, round(extract(epoch from expires_at - created_at) / 60) as m from autoheal_acks`;
    expect({ ...row }).toEqual({ note: "I am at it", m: "240" });
  });

  it("says what is wrong with an acknowledgement, and keeps what was written", async () => {
    const { url } = await start();
    const page = await openAt(url, {});
    await live(page);
    await page.getByLabel("Cause").fill("the broker");
    await page.getByLabel("Note").fill("a note");
    const refused = page.waitForResponse((response) => response.url().endsWith("/autoheal/ack"));
    await page.getByRole("button", { name: "Acknowledge", exact: true }).click();
    expect((await refused).status()).toBe(422);
    await page.locator('[role="alert"]', { hasText: "must be `alert <name>` or `probe <name>`" }).waitFor();
    expect(await page.getByLabel("Note").inputValue()).toBe("a note");
    // A browser notes every request that fails.
    forgive((complaint) => complaint.includes("422"));
  });

  it("shows what alerts say as text and nothing else", async () => {
    const { url, fire } = await start();
    const evil = "</script><img src=x onerror=alert(1)>\"'";
    await fire(evil, 1, { note: evil });
    await until("it is decided on", 10_000, async () => (await (await fetch(url)).text()).includes("not_allowed"));
    const page = await openAt(url, {});
    await live(page);
    await decided(page, 1);
    expect(await texts(page, ".decision .row-main")).toEqual([`alert ${evil}`]);
    expect(await page.locator("img").count()).toBe(0);
  });

  it("comes back by itself when the server was away, and misses nothing", async () => {
    const { url, fire, restart } = await start();
    const page = await openAt(url, {});
    await live(page);
    await fire("Fine", 1);
    await decided(page, 1);
    await restart();
    await fire("Broken", 2);
    await decided(page, 2);
    forgive((complaint) => /ERR_|EventSource/.test(complaint));
  });

  it("tells a malformed file with its faults, and that the last good rules stay", async () => {
    const { url, file, autoheal } = await start();
    await Bun.write(file, '{"actions": {"a": {"type": "melt"}}, "rules": []}');
    await autoheal.rules.look();
    const page = await openAt(url, {});
    await live(page);
    expect((await texts(page, ".autoheal-overview .problem")).join()).toContain("#/actions/a/type must be one of");
  });

  it("has nothing for axe-core to complain about, in both themes and at two widths", async () => {
    const { url, fire, world, autoheal } = await start();
    await fire("Fine", 1);
    await fire("Broken", 2);
    await fire("BrokerDown", 3, { container: "redpanda" });
    await fire("Unheard", 4);
    world.switches.down("stream");
    await autoheal.acknowledge("anna", { cause: "alert Other", note: "The broker is being moved.", minutes: 240 });
    const page = await openAt(url, { viewport: { width: 1_440, height: 900 } });
    await live(page);
    await page.locator(".probes [data-up=false]").waitFor();
    await page.locator(".decision-row .badge", { hasText: "error" }).waitFor();
    await page.locator(".decision-row").first().click();
    await mkdir(SHOTS, { recursive: true });
    for (const width of [1_440, 320]) {
      await page.setViewportSize({ width, height: 900 });
      for (const colorScheme of ["dark", "light"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(SHOTS, `autoheal-${colorScheme}-${width}.png`), fullPage: true });
        await expectAccessible(page, `${colorScheme} ${width}`);
      }
    }
  });
});
