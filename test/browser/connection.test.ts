import { expect } from "bun:test";
import type { Page } from "playwright-core";
import { forgive, inBrowser, live, open, rows, start, texts, until } from "./world.ts";

const status = (page: Page, kind: string) => page.locator(`.status[data-connection="${kind}"]`);

inBrowser("how the stream stands", (it) => {
  it("is told with a count-down while it is away, which can be cut short, and the count-down is not read aloud", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server, {});
    await page.clock.install();
    await page.reload();
    await live(page);
    server.refuseStreams(true);
    await server.cutStreams();
    // Refused again and again, each time for twice as long.
    for (let round = 0; round < 5; round++) {
      const opened = server.streamsOpened;
      await status(page, "reconnecting").getByRole("button", { name: "Now" }).click();
      await until(() => server.streamsOpened > opened);
    }
    await page.locator(".status-count", { hasText: /^in ([89]|1[0-6]) s$/ }).waitFor();
    const before = Number.parseInt((await page.locator(".status-count").textContent())?.slice(3) ?? "", 10);
    await page.clock.fastForward(4_000);
    await page.locator(".status-count", { hasText: `in ${before - 4} s` }).waitFor();
    expect(await page.locator(".status-count").getAttribute("aria-hidden")).toBe("true");
    expect(await texts(page, '.status [role="status"]')).toEqual(["Reconnecting"]);
    server.refuseStreams(false);
    await page.clock.fastForward(20_000);
    await live(page);
    await server.publish({ title: "1" });
    await rows(page, 2);
    forgive((complaint) => complaint.includes("503"));
  });

  it("is stale after 40 s without a heartbeat, and not before", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server, {});
    await page.clock.install();
    await page.reload();
    await live(page);
    const opened = server.streamsOpened;
    await page.clock.runFor(35_000);
    expect(await status(page, "live").count()).toBe(1);
    // What is opened anew is not answered either, as by a server that hangs.
    server.holdStreams(true);
    await page.clock.runFor(10_000);
    await status(page, "stale").waitFor();
    await page.locator(".status-count", { hasText: /^nothing for 4\d s$/ }).waitFor();
    await page.clock.runFor(60_000);
    await page.locator(".status-count", { hasText: /^nothing for 10\d s$/ }).waitFor();
    expect(server.streamsOpened).toBeGreaterThan(opened);
    server.holdStreams(false);
    await live(page);
    await server.publish({ title: "1" });
    await rows(page, 2);
  });

  it("is heard of by a screen reader in one sentence for all the events of a while", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server, {});
    await page.clock.install();
    await page.reload();
    await live(page);
    const heard = page.locator('p[role="status"].hidden');
    await page.evaluate(() => {
      const said: string[] = [];
      Reflect.set(window, "said", said);
      const region = document.querySelector('p[role="status"].hidden');
      if (region === null) throw new Error("there is no region");
      new MutationObserver(() => said.push(region.textContent)).observe(region, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    for (let n = 0; n < 60; n++) await server.publish({ title: `${n}` });
    await rows(page, 61);
    expect(await heard.textContent()).toBe("");
    await page.clock.runFor(22_000);
    await page.getByText("60 new events", { exact: true }).waitFor();
    await server.publish({ title: "one more" });
    await rows(page, 62);
    await page.clock.runFor(22_000);
    await page.getByText("1 new event", { exact: true }).waitFor();
    expect(await page.evaluate(() => Reflect.get(window, "said"))).toEqual(["60 new events", "1 new event"]);
  });

  it("of the past is that of a page full, with the next one behind it, up to what is live", async () => {
    const from = Date.now() - 7_200_000;
    const server = await start(Array.from({ length: 760 }, (_, n) => ({ title: `${n}`, timestamp: from + n * 1_000 })));
    const since = new Date(from + 100_000).toISOString();
    const page = await open(server, {}, `?since=${since}`);
    await status(page, "past").waitFor();
    await rows(page, 500);
    const subjects = () => texts(page, ".event .subject");
    expect((await subjects()).at(-1)).toBe("100");
    expect((await subjects())[0]).toBe("599");
    await page.getByRole("button", { name: "Next 500" }).click();
    await live(page);
    await rows(page, 160);
    expect([(await subjects()).at(-1), (await subjects())[0]]).toEqual(["600", "759"]);
    await server.publish({ title: "now" });
    await rows(page, 161);
  });

  it("asks the server for no more than the filter needs, and for its newest out of the whole log", async () => {
    const server = await start([
      { type: "AccountDeleted", title: "old", timestamp: 1_000 },
      ...Array.from({ length: 1_200 }, (_, n) => ({ title: `${n}` })),
    ]);
    const page = await open(server, {}, "?filter=type:Account*+-data.title:secret");
    await live(page);
    // The ring ends long before it.
    await rows(page, 1);
    expect(await texts(page, ".event .subject")).toEqual(["old"]);
    expect(server.lastStream.getAll("type")).toEqual(["Account*"]);
    await server.publish({ type: "AccountCreated", title: "secret" });
    await server.publish({ type: "JobCreated", title: "another" });
    await server.publish({ type: "AccountCreated", title: "new" });
    await rows(page, 2);
    expect(await texts(page, ".event .subject")).toEqual(["new", "old"]);
  });

  it("holds rows still while the reader is further down, and says what came", async () => {
    const server = await start(Array.from({ length: 100 }, (_, n) => ({ title: `${n}` })));
    const page = await open(server, { viewport: { width: 1280, height: 600 } });
    await live(page);
    await page.mouse.wheel(0, 1_500);
    await page.getByRole("button", { name: "Newest" }).waitFor();
    await server.publish({ title: "above" });
    await page.getByRole("button", { name: "+1 new" }).click();
    await page.locator(".event .subject", { hasText: "above" }).waitFor();
    await until(async () => (await page.evaluate(() => window.scrollY)) === 0);
  });
});
