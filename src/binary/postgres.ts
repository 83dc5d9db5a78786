import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { packFolder } from "../db/embedded/archive.ts";
import type { ServerFiles } from "../db/embedded/server-files.ts";

/**
 * The programs of PostgreSQL as one compressed file, made once for each version: it takes some seconds.
 * @returns its path
 */
export async function packServerFiles(files: ServerFiles): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const target = join(homedir(), ".cache", "aetherlink-build", `postgresql-${files.version}-${platform}.tar.zst`);
  if (existsSync(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}`;
  // Static libraries serve compilers only.
  await Bun.write(temporary, await packFolder(files.root, "native", (name) => !name.endsWith(".a")));
  await rename(temporary, target);
  return target;
}
