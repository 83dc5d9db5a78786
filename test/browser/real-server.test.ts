import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { RunningServer } from "../support/server.ts";
import { findChromium, launchChromium } from "./chromium.ts";

const found = findChromium();
const mayBeMissing = process.env.CI !== "true";
const SHOTS = join(import.meta.dir, "screenshots");

describe.skipIf("missing" in found && mayBeMissing)("the whole server in a browser", () => {
  let browser: Browser;
  let server: RunningServer;
  let folder = "";

  beforeAll(async () => {
    if ("missing" in found) throw new Error(found.missing);
    folder = await mkdtemp(join(tmpdir(), "aetherlink-browser-"));
    await chmod(folder, 0o755);
    await mkdir(SHOTS, { recursive: true });
    server = await new RunningServer({ env: { DATA_DIR: folder } }).ready();
    browser = await launchChromium(found.path);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const post = (title: string) =>
    fetch(`${server.url}/api/crm/jobs`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tenant-Id": "12345678-1234-1234-1234-123456789012" },
      body: JSON.stringify({ title }),
    });

  test("a job that is posted to the API is a green row on the open page, without a reload; a reload shows the same rows", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    // The address that the terminal shows: a browser is sent on to the page.
    await page.goto(server.url);
    expect(new URL(page.url()).pathname).toBe("/ops/crm-events");
    await page.locator('.status[data-connection="live"]').waitFor();
    await page.evaluate(() => Reflect.set(window, "sameDocument", true));
    for (const title of ["Test Job", "Replace compressor, rooftop unit 3", "Kältemittel prüfen – Halle 7"]) {
      expect((await post(title)).status).toBe(201);
      await page.locator(".event.fresh", { hasText: title }).waitFor();
    }
    expect(await page.locator(".event .badge").allTextContents()).toEqual(new Array(3).fill("JobCreated"));
    const [red = 0, green = 0, blue = 0] = await page
      .locator(".event .badge")
      .first()
      .evaluate((badge) => (getComputedStyle(badge).color.match(/[\d.]+/g) ?? []).map(Number));
    expect(green).toBeGreaterThan(Math.max(red, blue));
    expect(await page.evaluate(() => Reflect.get(window, "sameDocument"))).toBe(true);
    await page.screenshot({ path: join(SHOTS, "real-server.png") });
    const before = await page.locator(".event .subject").allTextContents();
    await page.reload();
    expect(await page.locator(".event .subject").allTextContents()).toEqual(before);
    await page.close();
  });
});
