/**
 * `bun run librdkafka`: compiles the librdkafka whose source @confluentinc/kafka-javascript carries into the cache.
 * Needs cc and make; 40 s on 2 cores.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { cachedLibraryPath, LIBRDKAFKA_VERSION } from "./library.ts";

/** Compiles into `cacheDir` and returns the file. Already there: returns at once. Throws with the compiler's last lines. */
export async function buildLibrary(cacheDir?: string): Promise<string> {
  const target = cachedLibraryPath(cacheDir);
  if (existsSync(target)) return target;
  const manifest = require.resolve("@confluentinc/kafka-javascript/package.json");
  const { librdkafka } = (await Bun.file(manifest).json()) as { librdkafka: string };
  if (librdkafka !== LIBRDKAFKA_VERSION)
    throw new Error(`the package carries librdkafka ${librdkafka}, not ${LIBRDKAFKA_VERSION}`);
  mkdirSync(dirname(target), { recursive: true });
  const work = mkdtempSync(join(dirname(target), "build-")); // beside the target, so that the rename is atomic
  try {
    cpSync(join(dirname(manifest), "deps", "librdkafka"), work, { recursive: true });
    await run(work, "./configure", "--disable-debug-symbols");
    await run(work, "make", "-C", "src", `-j${cpus().length}`);
    const made = process.platform === "darwin" ? "librdkafka.1.dylib" : "librdkafka.so.1";
    renameSync(join(work, "src", made), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

async function run(cwd: string, ...command: string[]): Promise<void> {
  const child = Bun.spawn(command, { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    Bun.readableStreamToText(child.stdout),
    Bun.readableStreamToText(child.stderr),
    child.exited,
  ]);
  if (code !== 0)
    throw new Error(`${command.join(" ")} ended with ${code}:\n${(out + err).split("\n").slice(-15).join("\n")}`);
}

/** True when there are a C compiler and make. */
export function canBuild(): boolean {
  return Bun.which("cc") !== null && Bun.which("make") !== null;
}

if (import.meta.main) process.stdout.write(`${await buildLibrary()}\n`);
