import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { RulesFile, type RulesFileOptions } from "./rules-file.ts";

let folder: string;
let path: string;
let lines: string[];
const started: RulesFile[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "aetherlink-rules-"));
  path = join(folder, "autoheal.json");
  lines = [];
});
afterEach(async () => {
  for (const file of started.splice(0)) await file.stop();
  rmSync(folder, { recursive: true, force: true });
});

const only = (name: string) => JSON.stringify({ actions: { [name]: { type: "restart-relay" } }, rules: [] });
const open = async (options: Partial<RulesFileOptions> = {}) => {
  const logger = pino({ level: "info" }, { write: (line) => void lines.push(line) });
  const file = new RulesFile({ path, logger, lookMs: 60_000, ...options });
  started.push(file);
  await file.start();
  return file;
};
const actions = (file: RulesFile) => Object.keys(file.rules.actions);

describe("the rules of a file", () => {
  test("are in force from the start, and those that are shipped where there is no file", async () => {
    const none = await open();
    expect(none.state).toMatchObject({ source: "built-in", faults: [] });
    expect(actions(none)).toContain("restart-relay");
    writeFileSync(path, only("mine"));
    const file = await open();
    expect(actions(file)).toEqual(["mine"]);
    expect(file.state).toMatchObject({ source: "file", file: path });
  });

  test("are replaced by themselves soon after the file was changed", async () => {
    writeFileSync(path, only("old"));
    const told: string[][] = [];
    const file = await open({ lookMs: 10, changed: ({ actions }) => told.push(Object.keys(actions)) });
    writeFileSync(path, only("new"));
    while (actions(file)[0] !== "new") await Bun.sleep(5);
    expect(told).toEqual([["old"], ["new"]]);
  });

  test("are replaced when the file is put in place of the old one, or a link is pointed elsewhere", async () => {
    writeFileSync(path, only("old"));
    const file = await open();
    writeFileSync(`${path}.new`, only("moved"));
    renameSync(`${path}.new`, path);
    await file.look();
    expect(actions(file)).toEqual(["moved"]);
    rmSync(path);
    writeFileSync(join(folder, "2"), only("linked"));
    symlinkSync(join(folder, "2"), path);
    await file.look();
    expect(actions(file)).toEqual(["linked"]);
  });

  test.each<[string, () => void, RegExp]>([
    ["is half written", () => writeFileSync(path, only("new").slice(0, 20)), /is not JSON/],
    ["is empty", () => writeFileSync(path, ""), /is not JSON/],
    [
      "has a fault",
      () => writeFileSync(path, JSON.stringify({ actions: { a: { type: "x" } }, rules: [] })),
      /#\/actions\/a/,
    ],
    ["is gone", () => rmSync(path), /is gone/],
    [
      "cannot be read",
      () => {
        rmSync(path);
        mkdirSync(path);
      },
      /cannot be read \(EISDIR\)/,
    ],
  ])(
    "stay as they last were good when it %s; that is said once, and over when it is mended",
    async (_, harm, fault) => {
      writeFileSync(path, only("good"));
      const file = await open();
      harm();
      for (let n = 0; n < 3; n++) await file.look();
      expect(actions(file)).toEqual(["good"]);
      expect(file.state.source).toBe("last good");
      expect(file.state.faults.join()).toMatch(fault);
      expect(lines.filter((line) => line.includes("last good rules stay in force"))).toHaveLength(1);
      rmSync(path, { recursive: true, force: true });
      await file.look();
      writeFileSync(path, only("good"));
      await file.look();
      expect(file.state).toMatchObject({ source: "file", faults: [] });
    },
  );
});

describe("a server does not start", () => {
  test("with a file that is malformed: each fault is told with its place", async () => {
    writeFileSync(path, JSON.stringify({ actions: { a: { type: "x" } }, rules: [{ probe: "moon", action: "a" }] }));
    const error = await open().catch(String);
    expect(error).toContain(`AUTOHEAL_FILE: ${path}: #/actions/a/type must be one of`);
    expect(error).toContain("#/rules/0");
  });

  test("with one that is there and cannot be read", async () => {
    mkdirSync(path);
    await expect(open()).rejects.toThrow("cannot be read (EISDIR)");
  });
});
