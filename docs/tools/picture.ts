/**
 * `bun docs/tools/picture.ts`: makes docs/ops-page.png, the picture of the README, of what a newcomer sees: the server with
 * its embedded parts, and `aetherlink demo` at work. Needs Chromium.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium, launchChromium } from "../../test/browser/chromium.ts";
import { RunningServer } from "../../test/support/server.ts";
import { ROOT } from "./blocks.ts";

/** CSS pixels. */
const VIEW = { width: 1280, height: 880 };
const EVENTS = 150;

const found = findChromium();
if ("missing" in found) throw new Error(found.missing);
const folder = await mkdtemp(join(tmpdir(), "aetherlink-picture-"));
const server = await new RunningServer({ env: { DATA_DIR: join(folder, "data"), KAFKA_BROKERS: "" } }).ready();
const browser = await launchChromium(found.path);
try {
  const page = await browser.newPage({ viewport: VIEW, colorScheme: "dark" });
  await page.goto(`${server.url}/ops/crm-events`);
  const demo = Bun.spawn(
    [process.execPath, "src/main.ts", "demo", "--url", server.url, "--rate", "5", "--seconds", "50"],
    {
      cwd: ROOT,
      stdout: "ignore",
      stderr: "inherit",
    },
  );
  await page.locator(".event").nth(EVENTS).waitFor({ timeout: 120_000 });
  // Calm, and with an event open, for its journey.
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".event .clock").nth(1).click();
  await page.locator(".journey").waitFor();
  await page.mouse.move(VIEW.width / 2, 10);
  await page.evaluate(async () => {
    await Promise.all(document.getAnimations().map(({ finished }) => finished));
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  });
  await page.screenshot({ path: join(ROOT, "docs", "ops-page.png") });
  demo.kill("SIGINT");
  await demo.exited;
} finally {
  await browser.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
