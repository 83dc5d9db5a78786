import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PLACES = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** Path of the system's Chromium, or why the browser tests cannot run here. */
export function findChromium(): { readonly path: string } | { readonly missing: string } {
  const path = PLACES.find((place) => place !== undefined && existsSync(place));
  if (path !== undefined) return { path };
  return { missing: "no Chromium found; install one (Debian: apt install chromium) or set CHROMIUM_PATH" };
}

/** Starts it headless. It refuses its own sandbox to root. */
export function launchChromium(path: string): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
