import { afterAll, expect, test } from "bun:test";
import { mkdir, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cleanUp, names, temporaryFolder } from "./harness.fixture.ts";
import { embeddedPostgresAvailable } from "./index.ts";
import { completeLinks, copyServerFiles, findServerFiles } from "./server-files.ts";
import { sweepTemporary, temporarySibling } from "./temporary.ts";

afterAll(cleanUp);

/** A platform package in small, as npm unpacks it when install scripts are off. */
async function fakePackage(): Promise<string> {
  const root = await temporaryFolder("package-");
  await mkdir(join(root, "native/lib"), { recursive: true });
  await mkdir(join(root, "native/bin"));
  await writeFile(join(root, "native/bin/postgres"), "", { mode: 0o700 });
  await writeFile(join(root, "native/lib/libpq.so.5.18"), "", { mode: 0o600 });
  await writeFile(join(root, "native/lib/libpq.a"), "");
  const links = [{ source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" }];
  await writeFile(join(root, "native/pg-symlinks.json"), JSON.stringify(links));
  return root;
}

test("the platform package is found above the source, and not where there is none", async () => {
  expect(embeddedPostgresAvailable()).toBe(true);
  expect(findServerFiles()?.version).toStartWith("18.");
  expect(findServerFiles([await temporaryFolder()])).toBeUndefined();
});

test("links that an install without scripts left out are made", async () => {
  const root = await fakePackage();
  expect(await completeLinks(root)).toBe(true);
  expect(await completeLinks(root)).toBe(true);
  expect(await readlink(join(root, "native/lib/libpq.so.5"))).toBe("libpq.so.5.18");
});

test("a folder where links cannot be made is told", async () => {
  const root = await fakePackage();
  // A file in the folder's place stops root as well, which permissions would not.
  await rm(join(root, "native/lib"), { recursive: true });
  await writeFile(join(root, "native/lib"), "no folder");
  expect(await completeLinks(root)).toBe(false);
});

test("a copy is readable by all, has its links, and no half copy stays beside it", async () => {
  const parent = await temporaryFolder();
  const files = { root: await fakePackage(), version: "18.0.0" };
  const copies = await Promise.all([copyServerFiles(files, parent), copyServerFiles(files, parent)]);
  expect(copies).toEqual([join(parent, "postgresql-18.0.0"), join(parent, "postgresql-18.0.0")]);
  expect(await names(parent)).toEqual(["postgresql-18.0.0"]);
  const copy = join(parent, "postgresql-18.0.0", "native");
  expect(await names(join(copy, "lib"))).toEqual(["libpq.so.5", "libpq.so.5.18"]);
  expect((await Bun.file(join(copy, "lib/libpq.so.5")).stat()).mode & 0o777).toBe(0o644);
  expect((await Bun.file(join(copy, "bin/postgres")).stat()).mode & 0o777).toBe(0o755);
});

test("what a dead process had under way is swept away, what a living one has is not", async () => {
  const parent = await temporaryFolder();
  const dead = Bun.spawn(["true"]);
  await dead.exited;
  const living = Bun.spawn(["sleep", "60"]);
  const mine = temporarySibling(join(parent, "mine"));
  const theirs = join(parent, `theirs.new-${living.pid}-0a1b2c3d`);
  for (const folder of [mine, theirs, join(parent, `left.new-${dead.pid}-0a1b2c3d`), join(parent, "other")]) {
    await mkdir(join(folder, "inside"), { recursive: true });
  }
  await sweepTemporary(parent);
  living.kill();
  expect((await names(parent)).map((name) => name.split(".")[0])).toEqual(["mine", "other", "theirs"]);
});
