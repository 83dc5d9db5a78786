import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildLibrary } from "./build.ts";
import {
  cachedLibraryPath,
  describeLibrary,
  LIBRDKAFKA_VERSION,
  LibraryNotFoundError,
  LibraryVersionError,
  loadLibrary,
} from "./index.ts";

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "librdkafka-test-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Compiles a library that only says which version it is. */
function fake(path: string, version: number): void {
  writeFileSync(`${path}.c`, `int rd_kafka_version(void) { return ${version}; }\n`);
  expect(Bun.spawnSync(["cc", "-shared", "-fPIC", "-o", path, `${path}.c`]).exitCode).toBe(0);
}

test("without any library one line names the three ways to get one", () => {
  inFolder((cacheDir) => {
    const load = () => loadLibrary({ cacheDir, system: ["libno-such-thing.so"] });
    expect(load).toThrow(LibraryNotFoundError);
    expect(load).toThrow(/^No usable librdkafka .*bun run librdkafka.*system's package.*LIBRDKAFKA_PATH[^\n]*$/);
  });
});

test("a path that was asked for is taken or refused, never replaced", () => {
  expect(() => loadLibrary({ path: "/no/such/file.so" })).toThrow(/\/no\/such\/file\.so cannot be loaded/);
  const path = loadLibrary().path;
  expect(loadLibrary({ path, embedded: "/elsewhere" })).toMatchObject({ path, source: "path" });
});

test("the embedded copy goes before the compiled one, which goes before the system's", () => {
  const path = loadLibrary().path;
  expect(loadLibrary({ embedded: path }).source).toBe("embedded");
  expect(loadLibrary({ embedded: "/gone" }).source).not.toBe("embedded");
  inFolder((cacheDir) => expect(loadLibrary({ cacheDir, system: [path] }).source).toBe("system"));
});

test("a version whose structures we do not know is refused by its number", () => {
  inFolder((folder) => {
    for (const [name, version, says] of [
      ["old.so", 0x020200ff, "2.2.0"],
      ["new.so", 0x030100ff, "3.1.0"],
    ] as const) {
      const path = join(folder, name);
      fake(path, version);
      expect(() => loadLibrary({ path })).toThrow(LibraryVersionError);
      expect(() => loadLibrary({ path })).toThrow(says);
      expect(() => loadLibrary({ path })).toThrow(LibraryNotFoundError);
    }
  });
});

test("a description has path, version and features", () => {
  const described = describeLibrary(loadLibrary());
  expect(described.version).toMatch(/^2\.\d+\.\d+/);
  expect(described.features).toContain("sasl_scram");
});

test("the version we compile is the one the package carries, and what is compiled is not compiled again", async () => {
  const manifest = await Bun.file(require.resolve("@confluentinc/kafka-javascript/package.json")).json();
  expect(manifest.librdkafka).toBe(LIBRDKAFKA_VERSION);
  if (await Bun.file(cachedLibraryPath()).exists()) expect(await buildLibrary()).toBe(cachedLibraryPath());
});
