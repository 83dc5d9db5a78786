import { expect } from "bun:test";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expectAccessible } from "./accessibility.ts";
import type { TestEvent } from "./fixture.ts";
import { inBrowser, live, open, rows, start, texts } from "./world.ts";

/** Where the pictures are left, for people to look at. */
const SHOTS = join(tmpdir(), "aetherlink-screenshots");

const SIZES = [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
] as const;

const TENANTS = ["12345678-1234-1234-1234-123456789012", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"] as const;
const TYPES = ["JobCreated", "AccountUpdated", "ContactDeleted", "JobStatusChanged", "InvoicePaid"];

/** Half an hour of a small business, the newest a second ago. */
function business(): TestEvent[] {
  return Array.from({ length: 15 }, (_, n) => ({
    type: TYPES[n % TYPES.length] ?? "JobCreated",
    title: `Repair of boiler ${n}`,
    status: n % 2 === 0 ? "Open" : "In progress",
    tenantId: TENANTS[n % 3 === 0 ? 1 : 0],
    timestamp: Date.now() - 1_000 - (14 - n) * 60_000,
  }));
}

inBrowser("every feature, at two widths in both themes", (it) => {
  for (const { width, height } of SIZES) {
    it(`${width} px`, async () => {
      await mkdir(SHOTS, { recursive: true });
      const server = await start(business());
      const letter = {
        aggregateId: crypto.randomUUID(),
        tenantId: TENANTS[0],
        tries: 5,
        waiting: 2,
        lastError: "too large",
      };
      server.letters = [{ eventId: crypto.randomUUID(), type: "JobUpdated", ...letter }];
      const options = {
        colorScheme: "dark" as const,
        viewport: { width, height },
        acceptDownloads: true,
        permissions: ["clipboard-read", "clipboard-write"],
      };
      const page = await open(server, options);
      await live(page);
      const themes = ["dark", "light"] as const;
      let looks = 0;
      const look_ = async (step: string) => {
        // The one that is shown comes first; a row that is arriving in it stands where its text has the least contrast.
        const order = looks++ % 2 === 0 ? themes : themes.toReversed();
        for (const [i, colorScheme] of order.entries()) {
          await page.evaluate<void, Arrival>(holdStill, i === 0 ? "beginning" : "end");
          await page.emulateMedia({ colorScheme });
          await page.evaluate<void, Arrival>(holdStill, "beginning");
          await page.screenshot({ path: join(SHOTS, `${colorScheme}-${width}-${step}.png`) });
          await expectAccessible(page, `${colorScheme} ${width} ${step}`);
        }
      };
      await look_("page");
      await overview(page);
      await filtering(page, look_);
      await pausing(page, () => server.publish({ title: "While paused" }));
      await opening(page, look_);
      await deciding(page, look_);
      await jumping(page, look_);
      await taking(page);
      await helping(page, look_);
    });
  }
});

/**
 * What fades is at its end. A row that arrives stands at the beginning of that, or is at its end too: nobody changes the theme
 * meanwhile, and Chromium would go on with the other theme's colours.
 */
function holdStill(arrival: Arrival): void {
  for (const animation of document.getAnimations()) {
    if (animation instanceof CSSTransition) animation.finish();
    if (!(animation instanceof CSSAnimation) || animation.animationName !== "arrive") continue;
    if (arrival === "end") animation.finish();
    else {
      animation.pause();
      animation.currentTime = 0;
    }
  }
}

type Arrival = "beginning" | "end";

type Look = (step: string) => Promise<void>;

/** Rates, types and tenants with their numbers, and the relay. */
async function overview(page: Page): Promise<void> {
  expect(await page.getByRole("img", { name: /Events a second over the last minute/ }).count()).toBe(1);
  const counts = (await texts(page, ".counts li")).map((text) => text.replace(/\s+/g, " ").trim());
  expect(counts).toEqual([...TYPES.toSorted().map((type) => `${type}3`), "12345678…10", "9b1deb4d…5"]);
  expect(await texts(page, ".relay dd")).toEqual(["leads here", "1", "90 s", "1"]);
  // Colour never speaks alone: each kind of change has a sign of its own beside its name.
  const signs = await page
    .locator(".counts .badge")
    .evaluateAll((badges) => badges.map((badge) => getComputedStyle(badge, "::before").content));
  expect(new Set(signs).size).toBe(TYPES.length);
  expect(await texts(page.locator(".event .ago").nth(1))).toEqual(["1m"]);
}

/** Suggestions by keyboard and by pointer, faults by their place, a value that is clicked, the address and the way back. */
async function filtering(page: Page, look: Look): Promise<void> {
  const box = page.getByRole("combobox", { name: "Filter events" });
  await page.keyboard.press("/");
  await page.keyboard.type("ty");
  await page.getByRole("option", { name: "type:" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.keyboard.type("job");
  await page.getByRole("option", { name: /type:Job\* every Job event/ }).waitFor();
  await look("suggestions");
  await page.getByRole("option", { name: /type:Job\*/ }).click();
  await rows(page, 6);
  expect(await box.inputValue()).toBe("type:Job* ");
  await page.keyboard.type("statu:x");
  await page.locator("#faults", { hasText: "statu:x at" }).waitFor();
  expect(await page.locator("#faults").textContent()).toBe(
    'statu:x at 11: statu: is no key; did you mean status:. For the text itself write "statu:x". It is left out.',
  );
  expect(await box.getAttribute("aria-invalid")).toBe("true");
  await look("fault");
  await box.fill("type:Job*");
  await page.keyboard.press("Escape");
  await page.waitForURL(/\?filter=type%3AJob\*$/);
  await page.locator(".event .state", { hasText: "In progress" }).first().click();
  await rows(page, 3);
  expect(await box.inputValue()).toBe('type:Job* status:"In progress"');
  await page.reload();
  await live(page);
  await rows(page, 3);
  await page.goBack();
  await live(page);
  await rows(page, 6);
  await box.fill("");
  await page.keyboard.press("Escape");
  await rows(page, 15);
  await page.waitForURL(/\/ops\/crm-events$/);
}

/** What comes while paused is held back and counted; the space bar pauses too. */
async function pausing(page: Page, publish: () => Promise<void>): Promise<void> {
  await page.locator("h1").evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await publish();
  await publish();
  await page.getByRole("button", { name: "Resume · +2 new" }).waitFor();
  expect(await page.locator(".event").count()).toBe(15);
  await page.getByRole("button", { name: "Resume · +2 new" }).click();
  await rows(page, 17);
}

/** A row opens to the event's journey and its JSON, which can be copied, and filters by a value in it. */
async function opening(page: Page, look: Look): Promise<void> {
  await page.locator("h1").evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  for (const key of ["j", "j", "k", "Enter"]) await page.keyboard.press(key);
  const row = page.locator(".event").first();
  await row.locator(".json").waitFor();
  expect(await row.locator(".step-name").allTextContents()).toEqual([
    "Committed",
    "Published",
    "Received",
    "On screen",
  ]);
  expect(await row.locator(".step-time", { hasText: "not noted" }).count()).toBe(0);
  expect(await row.locator(".journey-bar rect").count()).toBe(3);
  await look("open");
  await row.getByRole("button", { name: "Copy JSON" }).click();
  await row.getByRole("button", { name: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe((await row.locator(".json").textContent()) ?? "");
  expect(JSON.parse(copied)).toMatchObject({
    value: { data: { title: "While paused" } },
    headers: { ce_type: "JobCreated" },
  });
  await row.locator(".json a", { hasText: '"While paused"' }).click();
  await rows(page, 2);
  expect(await page.getByRole("combobox").inputValue()).toBe('data.title:"While paused"');
  await page.getByRole("combobox").fill("");
  await rows(page, 17);
  await page.locator("summary.cells").first().focus();
  await page.keyboard.press("Escape");
  expect(await page.locator(".event details[open]").count()).toBe(0);
}

/** A dead letter is decided about behind a confirmation that can be left; what the server makes of it: operate.test.ts. */
async function deciding(page: Page, look: Look): Promise<void> {
  await page.getByText("1 dead letter", { exact: true }).click();
  expect(await page.locator(".letters .error").textContent()).toBe("too large");
  await look("dead-letters");
  await page.getByRole("button", { name: "Discard…" }).click();
  await page.getByRole("dialog", { name: "Discard this event?" }).waitFor();
  // What changes something is not what a careless Enter does.
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Cancel");
  await look("discard");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Discard…");
  await page.getByText("1 dead letter", { exact: true }).click();
}

/** To an earlier time, out of the log, and back to the newest. */
async function jumping(page: Page, look: Look): Promise<void> {
  await page.getByRole("button", { name: "Jump to…" }).click();
  await page.getByRole("dialog", { name: "Jump to an earlier time" }).waitFor();
  await look("jump");
  await page.getByRole("button", { name: "5 minutes ago" }).click();
  // Five of the business, and the two that came since.
  await rows(page, 7);
  await page.locator(".past", { hasText: "all from then on, and live" }).waitFor();
  expect(new URL(page.url()).searchParams.get("since")).toMatch(/^\d{4}-\d\d-\d\dT/);
  await look("past");
  await page.reload();
  await live(page);
  await rows(page, 7);
  await page.getByRole("button", { name: "Newest events" }).click();
  await rows(page, 17);
}

/** Away with the rows, and all of them as a file. */
async function taking(page: Page): Promise<void> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download" }).click(),
  ]);
  const lines = (await Bun.file(await download.path()).text()).trimEnd().split("\n");
  expect(download.suggestedFilename()).toMatch(/^crm-events-[\dT-]+Z\.jsonl$/);
  expect(lines.map((line) => JSON.parse(line).value.data.title).slice(-3)).toEqual([
    "Repair of boiler 14",
    "While paused",
    "While paused",
  ]);
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByText("Cleared. What comes is shown at once").waitFor();
}

/** The help and the form for a new event, by keyboard; single letters can be turned off. */
async function helping(page: Page, look: Look): Promise<void> {
  await page.getByRole("button", { name: "+ New" }).click();
  await page.getByRole("dialog", { name: "New event" }).waitFor();
  await look("new-event");
  await page.keyboard.press("Escape");
  await page.locator("h1").evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Help" }).waitFor();
  await look("help");
  await page.getByRole("checkbox", { name: "Shortcuts of a single key" }).uncheck();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("?");
  await page.keyboard.press("Space");
  await page.reload();
  await live(page);
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page.getByRole("button", { name: "Pause" }).waitFor();
}
