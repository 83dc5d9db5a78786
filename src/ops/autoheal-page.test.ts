import { describe, expect, test } from "bun:test";
import { html } from "htm/preact";
import { renderToString } from "preact-render-to-string";
import { Acks } from "../../public/autoheal/acks.ts";
import { NO_COMMANDS } from "../../public/autoheal/commands.ts";
import { initialState } from "../../public/autoheal/state.ts";
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

  // U+202E turns the direction of what follows it in the same element.
  test("keeps what people and programs wrote apart from the words behind it", () => {
    const entry = {
      id: "1",
      at: "2026-11-23T07:00:00.000Z",
      decisionId: "d",
      phase: "started",
      cause: "c",
      action: "nap",
    };
    const first = { ...entry, replica: "one", actor: "a", target: "", reason: "r", input: {}, result: "execute" };
    const finished = { ...first, id: "2", phase: "finished", result: "executed", detail: "\u202eeno", durationMs: 5 };
    const page = render({ entries: [first, finished] });
    expect(page).toContain("<dd><bdi>\u202eeno</bdi>, after 5 ms</dd>");
    const ack = { id: "1", cause: "c", fingerprint: null, actor: "\u202eeva", note: "n", expiresAt: entry.at };
    const state = initialState({ status: null, entries: [], user: null, theme: "system", now: 0 });
    const acks = renderToString(
      html`<${Acks} state=${{ ...state, status: { acks: [ack], rules: [], preview: [], actions: [] } }} commands=${NO_COMMANDS} />`,
    );
    expect(acks).toContain("<bdi>\u202eeva</bdi>; until");
  });

  test("has a script that needs nothing from elsewhere, and is small", async () => {
    const script = await bundleScript("autoheal");
    expect(script).not.toMatch(/\bimport\s*[({"']|https?:\/\/(?!www\.w3\.org)/);
    expect(script).not.toMatch(/process\.env|\beval\(|new Function/);
    expect(Bun.gzipSync(Buffer.from(script)).length).toBeLessThan(SCRIPT_BUDGET);
  });
});
