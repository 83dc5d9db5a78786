import { expect } from "bun:test";
import { complaintsSoFar, forgive, inBrowser, live, open, rows, start, takeComplaints, texts, until } from "./world.ts";

const HOSTILE = `</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">`;

inBrowser("the ops page in a browser", (it) => {
  it("without scripts shows the events, newest on top, each opening to its JSON", async () => {
    const server = await start([{ title: "First" }, { type: "ContactDeleted", title: "Second" }]);
    const page = await open(server, { javaScriptEnabled: false });
    expect(await texts(page, ".event .subject")).toEqual(["Second", "First"]);
    expect(await texts(page, ".event .badge")).toEqual(["ContactDeleted", "JobCreated"]);
    expect(await page.getByText("Reload for newer ones").isVisible()).toBe(true);
    expect(await page.locator(".tools").isVisible()).toBe(false);
    await page.locator("summary").first().click();
    expect(await page.locator(".json").first().textContent()).toContain('"title": "Second"');
    expect(await page.locator(".json").first().isVisible()).toBe(true);
    await page.getByLabel("Filter events").fill("type:ContactDeleted");
    await page.getByRole("button", { name: "Filter" }).click();
    expect(await texts(page, ".event .subject")).toEqual(["Second"]);
    expect(new URL(page.url()).search).toBe("?filter=type%3AContactDeleted");
  });

  it("takes over what the server rendered without touching any of it but the JSON of closed rows, which goes", async () => {
    const server = await start([{ title: "First", status: "Open" }, { title: "" }, { value: null }, { value: "text" }]);
    const page = await open(server);
    await live(page);
    expect(await texts(page, ".event .subject")).toEqual(["text", "no value", "Job", "First"]);
    expect(await page.evaluate(() => Reflect.get(window, "touched"))).toEqual(new Array(4).fill("-NOSCRIPT"));
  });

  it("shows a new event as a green row on top, without a reload", async () => {
    const server = await start([{ type: "AccountUpdated", title: "Before" }]);
    const page = await open(server);
    await live(page);
    await page.evaluate(() => Reflect.set(window, "sameDocument", true));
    const row = page.locator(".event").first();
    await server.publish({ type: "JobCreated", title: "Test Job", status: "Open" });
    await page.locator(".event.fresh", { hasText: "Test Job" }).waitFor();
    expect(await texts(page, ".event .subject")).toEqual(["Test Job", "Before"]);
    expect(await texts(row.locator(".badge"))).toEqual(["JobCreated"]);
    expect(await texts(row.locator(".state"))).toEqual(["Open"]);
    const [red, green, blue] = (await row.locator(".badge").evaluate((badge) =>
      getComputedStyle(badge)
        .color.match(/[\d.]+/g)
        ?.map(Number),
    )) ?? [0, 0, 0];
    expect(green).toBeGreaterThan(Math.max(red ?? 0, blue ?? 0));
    expect(await page.evaluate(() => Reflect.get(window, "sameDocument"))).toBe(true);
  });

  it("misses and repeats nothing that happens between the page and its stream", async () => {
    const server = await start([{ title: "0" }]);
    server.refuseStreams(true);
    const page = await open(server);
    await page.locator('.status[data-connection="reconnecting"]').waitFor();
    await server.publish({ title: "1" });
    await server.publish({ title: "2" });
    server.refuseStreams(false);
    await live(page);
    await rows(page, 3);
    expect(await texts(page, ".event .subject")).toEqual(["2", "1", "0"]);
    forgive((complaint) => complaint.includes("503"));
  });

  it("comes back after its stream was cut, without loss or repeat", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server);
    await live(page);
    const expected = ["0"];
    for (let round = 1; round <= 3; round++) {
      const opened = server.streamsOpened;
      await server.publish({ title: `${round} before` });
      await server.cutStreams();
      await server.publish({ title: `${round} while away` });
      await until(() => server.streamsOpened > opened);
      await server.publish({ title: `${round} after` });
      expected.unshift(`${round} after`, `${round} while away`, `${round} before`);
      await rows(page, expected.length);
      expect(await texts(page, ".event .subject")).toEqual(expected);
    }
    await live(page);
  });

  it("comes back after a server that starts refused its stream", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server);
    await live(page);
    server.refuseStreams(true);
    await server.cutStreams();
    await page.locator('.status[data-connection="reconnecting"]').waitFor();
    await server.publish({ title: "1" });
    // A second refusal shows that the page tries on its own: an EventSource gives up at the first.
    const opened = server.streamsOpened;
    await until(() => server.streamsOpened > opened);
    server.refuseStreams(false);
    await rows(page, 2);
    expect(await texts(page, ".event .subject")).toEqual(["1", "0"]);
    await live(page);
    forgive((complaint) => complaint.includes("503"));
  });

  it("opens a stream anew that was silent for longer than a heartbeat takes", async () => {
    const server = await start([{ title: "0" }]);
    const page = await open(server, { serviceWorkers: "block" });
    // Else the stream of this first look could be asked for below, beside that of the second.
    await live(page);
    await page.clock.install();
    const asked: (string | null)[] = [];
    const heartbeats = new Set<string | null>();
    const stood = [server.position];
    page.on("request", (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname !== "/crm-events") return;
      asked.push(searchParams.get("lastEventId"));
      heartbeats.add(searchParams.get("heartbeat"));
    });
    await page.reload();
    await live(page);
    await server.publish({ title: "1" });
    await rows(page, 2);
    const opened = server.streamsOpened;
    stood.push(server.position);
    await page.clock.fastForward(50_000);
    await until(() => server.streamsOpened > opened);
    await server.publish({ title: "2" });
    await rows(page, 3);
    await live(page);
    expect(asked).toEqual(stood);
    // As comments, which is the default, a page could not see them.
    expect([...heartbeats]).toEqual(["event"]);
  });

  it("forgets what it shows on a reset, and goes on with what follows", async () => {
    const server = await start([{ title: "old" }, { title: "older" }]);
    const page = await open(server);
    await live(page);
    await server.reset();
    await page.locator(".empty").waitFor();
    expect(await page.locator(".curl").textContent()).toContain(`curl -X POST ${server.url}/api/crm/jobs`);
    await server.publish({ title: "new" });
    await rows(page, 1);
    expect(await texts(page, ".event .subject")).toEqual(["new"]);
  });

  it("keeps the newest 500 rows and no more", async () => {
    const server = await start(Array.from({ length: 503 }, (_, i) => ({ title: `${i}` })));
    const page = await open(server);
    await live(page);
    expect(await page.locator(".event").count()).toBe(500);
    for (let i = 503; i < 620; i++) await server.publish({ title: `${i}` });
    await page.locator(".event", { hasText: "619" }).first().waitFor();
    // So many at once are not all drawn at once.
    await until(async () => (await texts(page, ".event .subject"))[499] === "120");
    expect(await texts(page, ".event .subject")).toEqual(Array.from({ length: 500 }, (_, i) => `${619 - i}`));
  });

  it("shows a hostile title as text, whether it was rendered or came live", async () => {
    const server = await start([{ title: HOSTILE, tenantId: HOSTILE, status: HOSTILE }]);
    const page = await open(server);
    await live(page);
    await server.publish({ title: HOSTILE, tenantId: HOSTILE, status: HOSTILE, type: HOSTILE });
    await rows(page, 2);
    expect(await texts(page, ".event .subject")).toEqual([HOSTILE, HOSTILE]);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("script").count()).toBe(2);
    expect(await page.evaluate(() => Reflect.get(window, "pwned"))).toBeUndefined();
  });

  it("keeps what turns the direction of text within its own element, so that what follows stays behind it", async () => {
    const server = await start([{ title: "\u202eeman", status: "Open" }]);
    const page = await open(server, undefined, `?filter=${encodeURIComponent("typ:\u202ex")}`);
    await live(page);
    await page.locator(".event summary").click();
    for (const text of [page.locator("#faults code"), page.locator(".json a", { hasText: "eman" })]) {
      const isBehind = await text.evaluate((element) => {
        const range = document.createRange();
        range.setStart(element.nextSibling as Node, 0);
        range.setEnd(element.nextSibling as Node, 1);
        return range.getBoundingClientRect().left >= element.getBoundingClientRect().right - 1;
      });
      expect(isBehind).toBe(true);
    }
  });

  it("lives on after a value that no event of ours has", async () => {
    const server = await start([]);
    const page = await open(server);
    await live(page);
    for (const value of [null, "text", 7, [], { eventType: {}, data: null }]) await server.publish({ value });
    await server.publish({ title: "Ours" });
    await rows(page, 6);
    expect((await texts(page, ".event .subject"))[0]).toBe("Ours");
  });

  it("opens a row by keyboard, and it stays open while new events come", async () => {
    const server = await start([{ title: "Opened" }]);
    const page = await open(server);
    await live(page);
    await page.locator("summary").focus();
    await page.keyboard.press("Enter");
    await page.locator(".json").waitFor();
    expect(JSON.parse((await page.locator(".json").textContent()) ?? "").value.data.title).toBe("Opened");
    await server.publish({ title: "Next" });
    await rows(page, 2);
    expect(await page.locator("details[open] .subject").textContent()).toBe("Opened");
    expect(await page.evaluate(() => document.activeElement?.textContent?.includes("Opened"))).toBe(true);
  });

  it("shows times of the reader's own zone", async () => {
    const server = await start([{ timestamp: Date.UTC(2026, 10, 23, 7) }]);
    const page = await open(server, { timezoneId: "Asia/Tokyo" });
    await page.locator(".clock", { hasText: "16:00:00.000" }).waitFor();
    expect(await page.locator("time.time").getAttribute("title")).toBe("2026-11-23T07:00:00.000Z");
  });

  it("has a content security policy that bites", async () => {
    const page = await open(await start([]));
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.pwned = 1";
      document.body.append(script);
      document.body.setAttribute("style", "color: red");
    });
    const isOfPolicy = (complaint: string) => /^(script|style)-src-\w+ inline$/.test(complaint);
    await until(() => complaintsSoFar().filter(isOfPolicy).length === 2);
    expect(await page.evaluate(() => Reflect.get(window, "pwned"))).toBeUndefined();
    takeComplaints();
  });

  it("never scrolls sideways, from 320 px on, with a row open", async () => {
    const long = "Averylongword".repeat(15);
    const server = await start([{ title: long, status: "Open" }, { title: "Short", status: long }, { value: long }]);
    const page = await open(server);
    await live(page);
    await page.locator("summary").first().click();
    await page.locator(".json").first().waitFor();
    for (const width of [320, 390, 800, 1280]) {
      await page.setViewportSize({ width, height: 700 });
      await page.waitForFunction((wanted) => window.innerWidth === wanted, width);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    }
  });

  it("does not move for who asked for less motion", async () => {
    const server = await start([]);
    const page = await open(server, { reducedMotion: "reduce" });
    await live(page);
    await server.publish({ title: "Calm" });
    await page.locator(".event.fresh").waitFor();
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  });
});
