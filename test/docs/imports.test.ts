/** The sources keep to docs/architecture.md. */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../../docs/tools/blocks.ts";
import {
  COMMON,
  circles,
  drawing,
  type Import,
  type Imports,
  listImports,
  listSources,
  partsOf,
  reach,
  reduce,
} from "../../docs/tools/imports.ts";

let imports: Import[];
let parts: Imports;
beforeAll(async () => {
  imports = await listImports();
  parts = partsOf(imports);
});

const filesThat = (matches: (imported: Import) => boolean) =>
  [...new Set(imports.filter(matches).map(({ file }) => file))].toSorted();
const graph = (...arrows: [string, string][]): Imports => {
  const made = new Map<string, Set<string>>();
  for (const [from, to] of arrows) {
    made.set(from, (made.get(from) ?? new Set()).add(to));
    if (!made.has(to)) made.set(to, new Set());
  }
  return made;
};

test("no part imports itself by any way, types included", () => {
  expect(parts.size).toBeGreaterThan(15);
  expect(circles(parts)).toEqual([]);
});

test("every folder of src is in the drawing and in the table of the page", async () => {
  const page = await Bun.file(join(ROOT, "docs/architecture.md")).text();
  const folders = new Set(imports.flatMap(({ file }) => /^src\/(\w+)\//.exec(file)?.[1] ?? []));
  for (const folder of folders) expect(page).toContain(`| \`src/${folder}\``);
  const drawn = drawing(parts);
  for (const folder of folders) expect(drawn).toMatch(new RegExp(`\\b${folder}\\b`));
});

test("what is common to all knows nobody", () => {
  const commons = new Set<string>(COMMON.map((name) => `src/${name}`));
  const inward = imports.filter(({ file, target }) => commons.has(file) && /^(src|public|sql)\//.test(target));
  expect(inward.filter(({ target }) => !commons.has(target))).toEqual([]);
});

test("the arrows of the design: outbox to log to kafka, stream to log, and neither of the two to the other", () => {
  for (const [from, to] of [
    ["outbox", "log"],
    ["log", "kafka"],
    ["stream", "log"],
  ] as const) {
    expect([from, [...(parts.get(from) ?? [])]]).toEqual([from, expect.arrayContaining([to])]);
  }
  expect([...(parts.get("kafka") ?? ["?"])]).toEqual([]);
  expect(reach(parts, "stream").has("outbox")).toBe(false);
  expect(reach(parts, "outbox").has("stream")).toBe(false);
});

test("pointers are known to src/kafka, to the listener and to what tells systemd alone", () => {
  expect(filesThat(({ target }) => target === "bun:ffi").filter((file) => !file.startsWith("src/kafka/"))).toEqual([
    "src/cli/systemd.ts",
    "src/http/listener.ts",
  ]);
});

test("connections to PostgreSQL are made in src/db alone, and the environment is read by src/config.ts alone", async () => {
  const connecting: string[] = [];
  const reading: string[] = [];
  for (const { file, text } of await listSources()) {
    if (/^import (?!type )[^;]* from "postgres"/m.test(text)) connecting.push(file);
    if (/\b(process|Bun)\.env\b/.test(text)) reading.push(file);
  }
  expect(connecting.length).toBeGreaterThan(0);
  expect(connecting.filter((file) => !file.startsWith("src/db/"))).toEqual([]);
  expect(reading).toEqual(["src/config.ts"]);
});

describe("the drawing", () => {
  test("leaves out what a longer way allows, and draws the rest", () => {
    expect(reduce(graph(["a", "b"], ["b", "c"], ["a", "c"], ["a", "d"]))).toEqual([
      ["a", "b"],
      ["a", "d"],
      ["b", "c"],
    ]);
  });

  test("of a circle cannot be made in silence: each part of it is named", () => {
    expect(circles(graph(["a", "b"], ["b", "c"], ["c", "b"], ["c", "d"]))).toEqual(["b", "c"]);
  });

  test("reads imports of every form, also of several lines, and none in a comment's prose", () => {
    const found = imports.filter(({ file }) => file === "src/app.ts").map(({ target }) => target);
    expect(found).toContain("src/outbox/index.ts");
    expect(found).toContain("node:os");
    expect(imports.some(({ file, target }) => file === "src/db/migrations.ts" && target.startsWith("sql/"))).toBe(true);
  });
});
