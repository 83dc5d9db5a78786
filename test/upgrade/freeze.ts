/**
 * Keeps a version as the one before, for test/upgrade/upgrade.test.ts: `bun test/upgrade/freeze.ts <commit>`, at each
 * release with that release's tag. Its program, SQL and page go into one file; tests do not.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packFolder, unpackFolder } from "../../src/db/embedded/archive.ts";
import { ROOT } from "../support/server.ts";

const ARCHIVE = join(import.meta.dir, "before.tar.zst");
/** What the server is made of. */
const PARTS = ["src", "public", "sql", "package.json", "tsconfig.json", "autoheal.json"];

/** Unpacks the version before into a folder; it finds today's packages in its `node_modules`. */
export async function unpackBefore(folder: string): Promise<void> {
  await unpackFolder(await Bun.file(ARCHIVE).bytes(), folder);
}

async function freeze(commit: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-freeze-"));
  try {
    const id = Bun.spawnSync(["git", "rev-parse", "--verify", `${commit}^{commit}`], { cwd: ROOT });
    if (!id.success) throw new Error(`there is no commit ${commit}`);
    const tar = Bun.spawnSync(["git", "archive", id.stdout.toString().trim(), ...PARTS], { cwd: ROOT });
    await new Bun.Archive(tar.stdout).extract(join(folder, "all"));
    await Bun.write(join(folder, "all", "COMMIT"), id.stdout);
    const packed = await packFolder(join(folder, "all"), ".", (name) => !/\.(test|fixture)\.tsx?$/.test(name));
    await Bun.write(ARCHIVE, packed);
    process.stdout.write(`${ARCHIVE}: ${Math.round(packed.byteLength / 1_000)} kB\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await freeze(Bun.argv[2] ?? "HEAD");
