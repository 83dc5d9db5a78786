import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** 19 takes five times as long for a tenth less. */
const LEVEL = 12;

/**
 * A folder as a compressed archive (tar, zstd). Symbolic links are left out.
 * @param root what the paths inside are relative to
 * @param folder below `root`
 */
export async function packFolder(root: string, folder: string, takes: (name: string) => boolean): Promise<Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const entry of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !takes(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    files[relative(root, path).split(sep).join("/")] = await Bun.file(path).bytes();
  }
  return await Bun.zstdCompress(await new Bun.Archive(files).bytes(), { level: LEVEL });
}

/** Writes what `packFolder` packed into `folder`, which is made. Modes are left to the umask. */
export async function unpackFolder(archive: Uint8Array, folder: string): Promise<void> {
  await new Bun.Archive(await Bun.zstdDecompress(archive)).extract(folder);
}
