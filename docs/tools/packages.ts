import { join } from "node:path";
import { ROOT } from "./blocks.ts";

/** A package of bun.lock. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** SHA-512 as the registry gives it: `sha512-` and base64. */
  readonly integrity: string;
  /** SPDX expression of its manifest. */
  readonly licence: string;
  /** Made for some operating systems or processors alone; it goes with the package that asks for it. */
  readonly isForPlatform: boolean;
  /** Whether it has a script that the installation could run. */
  readonly hasInstallScript: boolean;
  /** Keys of the packages that it depends on, whether or not this machine needs them. */
  readonly dependencies: readonly string[];
}

/** What is locked: packages by their key, which is their place below node_modules, and what each of two sets begins with. */
export interface Lock {
  readonly packages: ReadonlyMap<string, Package>;
  /** Keys of what package.json names as dependencies. */
  readonly shipped: readonly string[];
  /** Keys of what it names as devDependencies. */
  readonly development: readonly string[];
}

interface Entry {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly hasInstallScript?: boolean;
  readonly os?: unknown;
  readonly cpu?: unknown;
}

interface LockFile {
  readonly workspaces: Record<
    string,
    { dependencies?: Record<string, string>; devDependencies?: Record<string, string> }
  >;
  readonly packages: Record<string, [id: string, registry: string, entry: Entry, integrity: string]>;
}

/**
 * Reads bun.lock, and the licences from the packages that are installed.
 * @throws {Error} naming a package that is neither installed nor one of another's platforms
 */
export async function readLock(root = ROOT): Promise<Lock> {
  const file = Bun.JSONC.parse(await Bun.file(join(root, "bun.lock")).text()) as LockFile;
  const keys = new Set(Object.keys(file.packages));
  const packages = new Map<string, Package>();
  for (const [key, [id, , entry, integrity]] of Object.entries(file.packages)) {
    const isForPlatform = entry.os !== undefined || entry.cpu !== undefined;
    const at = id.lastIndexOf("@");
    packages.set(key, {
      name: id.slice(0, at),
      version: id.slice(at + 1),
      integrity,
      licence: await licenceOf(root, isForPlatform ? ownerOf(file, key) : key),
      isForPlatform,
      hasInstallScript: entry.hasInstallScript === true,
      dependencies: Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
        .map((name) => resolve(keys, key, name))
        .filter((found) => found !== undefined),
    });
  }
  const { dependencies = {}, devDependencies = {} } = file.workspaces[""] ?? {};
  return { packages, shipped: Object.keys(dependencies), development: Object.keys(devDependencies) };
}

/** Packages that the given ones need, themselves included, by their key. */
export function closure({ packages }: Lock, from: readonly string[]): Map<string, Package> {
  const found = new Map<string, Package>();
  const open = [...from];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    const known = packages.get(key);
    if (known === undefined || found.has(key)) continue;
    found.set(key, known);
    open.push(...known.dependencies);
  }
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where a package finds another: below itself, else below what it lies in, as Node looks for it. */
function resolve(keys: ReadonlySet<string>, from: string, name: string): string | undefined {
  const places = parts(from);
  for (let depth = places.length; depth >= 0; depth--) {
    const key = [...places.slice(0, depth), name].join("/");
    if (keys.has(key)) return key;
  }
  return undefined;
}

/** Names of a key, outermost first: `a/@b/c` is `a` and `@b/c` in it. */
function parts(key: string): string[] {
  return key.match(/@[^/]+\/[^/]+|[^/]+/g) ?? [];
}

/** The package that asks for one of another platform. */
function ownerOf(file: LockFile, key: string): string {
  const owner = Object.entries(file.packages).find(([, [, , entry]]) => key in (entry.optionalDependencies ?? {}));
  if (owner === undefined) throw new Error(`nobody asks for ${key}`);
  return owner[0];
}

async function licenceOf(root: string, key: string): Promise<string> {
  const folder = ["", ...parts(key)].join("/node_modules/");
  const manifest = Bun.file(join(root, folder, "package.json"));
  if (!(await manifest.exists())) throw new Error(`${key} is not installed: run bun install`);
  const { license } = (await manifest.json()) as { license?: unknown };
  if (typeof license !== "string") throw new Error(`${key} names no licence in its package.json`);
  return license;
}
