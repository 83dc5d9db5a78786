import { afterAll, beforeAll, expect } from "bun:test";
import { append } from "../../src/outbox/outbox.fixture.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import { expectAccessible } from "./accessibility.ts";
import { forgive, inBrowser, live, openAt, texts, until } from "./world.ts";

/** What changes something: on the whole server, with its relay and a real database. */

let db: TestDatabase;
let server: RunningServer;
/** Event ids, made before the relay begins: it keeps in memory which aggregates are blocked. */
let letters: string[] = [];

inBrowser("the page as a tool", (it) => {
  beforeAll(async () => {
    db = await testDatabase();
    letters = [await deadLetter(1), await deadLetter(2), await deadLetter(3)];
    server = await new RunningServer({ env: { DATABASE_URL: db.url } }).ready();
  }, 60_000);

  afterAll(async () => {
    await server?.stop();
    await db?.drop();
  }, 60_000);

  it("makes a first job, account and contact without a terminal, each of which is on the page with its whole journey", async () => {
    const page = await openAt(`${server.url}/ops/crm-events`);
    await live(page);
    await page.getByText("No events yet").waitFor();
    await page.getByRole("button", { name: "+ New" }).click();
    await page.getByLabel("Title").fill("From the <page>");
    await page.getByRole("button", { name: "Create" }).click();
    await page.locator(".event.fresh", { hasText: "From the <page>" }).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    for (const [kind, name] of [
      ["account", "Northwind Ltd"],
      ["contact", "Ada Lovelace"],
    ] as const) {
      await page.getByRole("button", { name: "+ New" }).click();
      await page.getByLabel("What").selectOption(kind);
      await page.getByRole("button", { name: "Create" }).click();
      await page.locator(".event", { hasText: name }).waitFor();
    }
    expect(await texts(page, ".event .badge")).toEqual(["ContactCreated", "AccountCreated", "JobCreated"]);
    await page.locator(".event summary").last().click();
    // Every station has a time of its own: the database's write, the log, the hub, the screen.
    await page.locator(".step-time").nth(3).waitFor();
    const times = await texts(page, ".step-time");
    expect(times.length).toBe(4);
    for (const time of times) expect(time).toMatch(/^\d\d:\d\d:\d\d\.\d{3}$/);
    expect(times.slice(0, 3)).toEqual(times.slice(0, 3).toSorted());
    // How far the clocks are apart is known within a second of going live; a row tells it as it is opened.
    await until(async () => {
      if (/this browser's clock, which is \d+ ms/.test((await page.locator(".step-note").textContent()) ?? ""))
        return true;
      await page.locator(".event summary").last().click();
      await page.locator(".step-note").waitFor({ state: "detached" });
      await page.locator(".event summary").last().click();
      await page.locator(".step-note").waitFor();
      return false;
    });
  });

  it("says what is wrong with a new event, and keeps what was typed", async () => {
    const page = await openAt(`${server.url}/ops/crm-events`);
    await live(page);
    await page.getByRole("button", { name: "+ New" }).click();
    await page.getByLabel("Title").fill("Kept");
    await page.getByLabel("Status").fill("x".repeat(300));
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").textContent()).toContain("/status");
    expect(await page.getByLabel("Title").inputValue()).toBe("Kept");
    await expectAccessible(page, "a refused event");
    forgive((complaint) => complaint.includes("422"));
  });

  it("requeues and discards dead letters, each behind a confirmation, with a reason for the audit", async () => {
    const [requeued = "", discarded = ""] = letters;
    const page = await openAt(`${server.url}/ops/crm-events`);
    await live(page);
    await page.getByText("3 dead letters", { exact: true }).click();
    const letter = (eventId: string) => page.locator(".letters li", { hasText: eventId });
    await letter(requeued).getByRole("button", { name: "Requeue…" }).click();
    await page.getByLabel("Reason, for the audit").fill("the broker takes it now");
    await page.getByRole("button", { name: "Requeue", exact: true }).click();
    await letter(requeued).waitFor({ state: "detached" });
    await page
      .locator(`.event [title="Id ${await aggregateOf(requeued)}"]`)
      .first()
      .waitFor();
    await letter(discarded).getByRole("button", { name: "Discard…" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    expect(await letter(discarded).count()).toBe(1);
    await letter(discarded).getByRole("button", { name: "Discard…" }).click();
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    await page.getByText("1 dead letter", { exact: true }).waitFor();
    expect(await letter(discarded).count()).toBe(0);
    const audit = await (await fetch(`${server.url}/api/ops/outbox/audit`)).json();
    expect(audit.data.map((entry: Record<string, unknown>) => [entry.action, entry.eventId, entry.reason])).toEqual([
      ["discard", discarded, null],
      ["requeue", requeued, "the broker takes it now"],
    ]);
  });

  it("says so when somebody else has decided in the meantime", async () => {
    const [, , eventId = ""] = letters;
    const page = await openAt(`${server.url}/ops/crm-events`);
    await live(page);
    await page.getByText("1 dead letter", { exact: true }).click();
    await page.getByRole("button", { name: "Discard…" }).click();
    const path = `${server.url}/api/ops/outbox/dead-letters/${eventId}/discard`;
    const headers = { "Content-Type": "application/json" };
    expect((await fetch(path, { method: "POST", headers, body: "{}" })).status).toBe(200);
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    await page.getByRole("alert", { name: "" }).waitFor();
    expect(await page.getByRole("alert").textContent()).toContain(`There is no dead letter ${eventId}`);
    forgive((complaint) => complaint.includes("404"));
    // The page asks again by and by.
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator(".dead-letters").waitFor({ state: "detached" });
    await until(async () => (await texts(page, ".relay dd")).join() === "leads here,0,–,0");
  });
});

/** An event that was refused for good, with one behind it, as the relay leaves them; in one transaction, or it would be published. */
async function deadLetter(n: number): Promise<string> {
  const aggregateId = crypto.randomUUID();
  return await db.sql.begin(async (tx) => {
    const [eventId = ""] = await append(tx, [n, n + 100], aggregateId);
    await tx`update outbox_events set held = true where aggregate_id = ${aggregateId}`;
    await tx`update outbox_events set retry_count = 5, last_error = 'too large', dead_at = now() where event_id = ${eventId}`;
    await tx`
      insert into outbox_blocked (tenant_id, aggregate_id, dead)
      select tenant_id, aggregate_id, true from outbox_events where event_id = ${eventId}`;
    return eventId;
  });
}

async function aggregateOf(eventId: string): Promise<string> {
  const [row] = await db.sql<
    { aggregate_id: string }[]
  >`select aggregate_id from outbox_events where event_id = ${eventId}`;
  return row?.aggregate_id ?? "";
}
