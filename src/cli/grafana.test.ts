import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFolder } from "./grafana.ts";
import { runHere } from "./run.fixture.ts";

const FILES = [
  { path: "dashboards/crm.json", text: '{"title":"é"}\n' },
  { path: "prometheus/rules/slo.yml", text: "groups: []\n" },
];

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aetherlink-grafana-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (...argv: string[]) => runHere(["grafana", "export", ...argv], { grafana: FILES });

test("it writes what the binary carries, into folders that it makes", async () => {
  const target = join(folder, "a", "b");
  expect(await run(target)).toEqual({
    code: 0,
    out: FILES.map(({ path }) => `wrote ${join(target, path)}\n`).join(""),
    err: "",
  });
  expect(await readFolder(target)).toEqual(FILES);
  // Nothing has changed, so nothing is refused.
  expect(JSON.parse((await run(target, "--json")).out).written).toHaveLength(2);
});

test("a file that was changed is named and kept, and nothing else is written, unless --force is given", async () => {
  const changed = join(folder, "prometheus/rules/slo.yml");
  await Bun.write(changed, "my own");
  expect(await run(folder)).toEqual({
    code: 1,
    out: "",
    err: "prometheus/rules/slo.yml: already there and different; nothing was written. --force overwrites\n",
  });
  expect(await readFolder(folder)).toEqual([{ path: "prometheus/rules/slo.yml", text: "my own" }]);
  expect((await run(folder, "--force")).code).toBe(0);
  expect(await readFolder(folder)).toEqual(FILES);
});

test("without a folder, or with two, it says what it takes", async () => {
  expect(await run()).toMatchObject({ code: 2, out: "" });
  expect(await run("a", "b")).toMatchObject({ code: 2, out: "" });
});

test("a folder that cannot be made, is a file, or has a folder where a file belongs is named in one line", async () => {
  const file = join(folder, "file");
  await Bun.write(file, "my own");
  const taken = join(folder, "taken");
  await mkdir(join(taken, "dashboards", "crm.json"), { recursive: true });
  for (const target of ["/proc/x", file, taken]) {
    const { code, out, err } = await run(target);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toStartWith(`grafana export: cannot write to '${target}' (E`);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  }
  expect(await Bun.file(file).text()).toBe("my own");
});
