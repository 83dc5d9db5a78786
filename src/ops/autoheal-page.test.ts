import { describe, expect, test } from "bun:test";
import { bundleScript, loadAssets } from "./assets.ts";
import { renderAutohealPage } from "./autoheal-page.ts";

/** Bytes of the script as it goes over the wire, at most. */
const SCRIPT_BUDGET = 20_000;
const assets = await loadAssets({ script: "" });
const render = (more: object = {}) =>
  renderAutohealPage({ status: null, entries: [], user: null, theme: "system", now: 0, ...more }, assets);

describe("the page of autoheal", () => {
  test("says so when the database does not answer, and is a page all the same", () => {
    const page = render();
    expect(page).toContain("The database does not answer");
    expect(page).toContain('aria-current="page"');
    expect(page).not.toContain("What would happen now");
  });

  test("names its script and styles, and has nothing inline", () => {
    const page = render();
    expect(page.match(/<script[^>]*>/g)).toEqual([
      `<script type="module" src="${assets.autohealScript.path}">`,
      '<script type="application/json" id="autoheal-state">',
    ]);
    expect(page.match(/<link rel="stylesheet"[^>]*>/g)).toEqual([
      `<link rel="stylesheet" href="${assets.style.path}">`,
      `<link rel="stylesheet" href="${assets.autohealStyle.path}">`,
    ]);
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/i);
  });

  test("has a script that needs nothing from elsewhere, and is small", async () => {
    const script = await bundleScript("autoheal");
    expect(script).not.toMatch(/\bimport\s*[({"']|https?:\/\/(?!www\.w3\.org)/);
    expect(script).not.toMatch(/process\.env|\beval\(|new Function/);
    expect(Bun.gzipSync(Buffer.from(script)).length).toBeLessThan(SCRIPT_BUDGET);
  });
});
