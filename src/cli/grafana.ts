import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { Packed, PackedFile } from "../packed.ts";
import { defineCommand, JSON_OPTION, quote } from "./command.ts";
import { CommandError, Exit, UsageError } from "./exit.ts";

/** The folder of a checkout; inside a compiled binary there is no such place. */
const SOURCE = join(import.meta.dir, "..", "..", "grafana");

/** `aetherlink grafana export`. */
export const grafanaExport = defineCommand({
  name: "grafana export",
  summary: "write the dashboards, and the rules and settings of Prometheus and Alertmanager, to a folder",
  args: "<folder>",
  about: "A file that stands there already and differs is kept, and the command fails, unless --force is given.",
  options: {
    force: { type: "boolean", help: "overwrite files that were changed" },
    json: JSON_OPTION,
  },
  examples: [
    ["grafana export ./monitoring", "for a Prometheus and a Grafana that are there already"],
    ["grafana export --force ./monitoring", "again after an upgrade, one's own changes lost"],
  ],
  run: async ({ force = false, json = false }, args, { out, packed }) => {
    const [folder, ...more] = args;
    if (folder === undefined || more.length > 0) {
      throw new UsageError("grafana export takes one folder to write to; see aetherlink grafana export --help");
    }
    const files = await grafanaFiles(packed);
    const changed = force ? [] : await writable(folder, () => differing(files, resolve(folder)));
    if (changed.length > 0) {
      throw new CommandError(
        `${changed.join(", ")}: already there and different; nothing was written. --force overwrites`,
      );
    }
    await writable(folder, async () => {
      for (const { path, text } of files) {
        const target = join(resolve(folder), path);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, text);
      }
    });
    const written = files.map(({ path }) => join(folder, path));
    out(json ? `${JSON.stringify({ written })}\n` : written.map((path) => `wrote ${path}\n`).join(""));
    return Exit.ok;
  },
});

/** @throws {CommandError} when something of the folder cannot be made, read or written: it is the user's to choose another */
async function writable<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new CommandError(
      `grafana export: cannot write to ${quote(folder)} (${error.message.replaceAll(/\s+/g, " ")}); give a folder that this user can make and write to`,
      { cause: error },
    );
  }
}

/** What the binary carries, else the folder of the checkout. */
async function grafanaFiles(packed: Packed): Promise<readonly PackedFile[]> {
  const files = packed.grafana ?? (await readFolder(SOURCE));
  if (files.length === 0) throw new CommandError("this build carries no dashboards");
  return files;
}

/** All files below a folder, in order; none when it is not there. */
export async function readFolder(folder: string): Promise<PackedFile[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(
    paths
      .toSorted()
      .map(async (path) => ({ path: relative(folder, path).split(sep).join("/"), text: await readFile(path, "utf8") })),
  );
}

async function differing(files: readonly PackedFile[], folder: string): Promise<string[]> {
  const found = await Promise.all(
    files.map(async ({ path, text }) => {
      const target = join(folder, path);
      return existsSync(target) && (await readFile(target, "utf8")) !== text ? [path] : [];
    }),
  );
  return found.flat();
}
