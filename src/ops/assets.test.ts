import { describe, expect, test } from "bun:test";
import { bundleScript, loadAssets } from "./assets.ts";

/** Bytes of the script as it goes over the wire, at most. */
const SCRIPT_BUDGET = 40_000;

describe("the assets", () => {
  test("are the same bytes at the same paths each time", async () => {
    expect(await loadAssets()).toEqual(await loadAssets());
  });

  test("are named by their content", async () => {
    const { script, style, icon } = await loadAssets();
    expect(script.path).toMatch(/^\/assets\/ops-[\da-f]{12}\.js$/);
    expect(style.path).toMatch(/^\/assets\/ops-[\da-f]{12}\.css$/);
    expect(icon.path).toMatch(/^\/assets\/favicon-[\da-f]{12}\.svg$/);
    const other = await loadAssets({ script: `${script.body};` });
    expect(other.script.path).not.toBe(script.path);
    expect(other.style.path).toBe(style.path);
  });

  test("take a script that was built beforehand as it is", async () => {
    const script = await bundleScript();
    expect(await loadAssets({ script })).toEqual(await loadAssets());
  });
});

describe("the browser script", () => {
  test("needs nothing from elsewhere", async () => {
    const script = await bundleScript();
    expect(script).not.toMatch(/\bimport\s*[({"']|https?:\/\/(?!www\.w3\.org)/);
    expect(script).not.toMatch(/process\.env|\beval\(|new Function/);
  });

  test("is small", async () => {
    expect(Bun.gzipSync(Buffer.from(await bundleScript())).length).toBeLessThan(SCRIPT_BUDGET);
  });
});
