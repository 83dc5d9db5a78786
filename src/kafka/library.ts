import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Bindings, bind, probe, text } from "./bindings.ts";
import { loadable } from "./embedded.ts";
import { bindThreads, type Threads } from "./ending.ts";
import { LibraryNotFoundError, LibraryVersionError } from "./errors.ts";

/** The version whose source @confluentinc/kafka-javascript 1.10.1 ships and `bun run librdkafka` compiles. */
export const LIBRDKAFKA_VERSION = "2.15.1";
/** The oldest with DescribeTopics and ListOffsets, and the only major version whose structures we have compared. */
const OLDEST = 0x02_03_00_00;
const MAJOR = 2;

/** Where to look, in this order; a part that is not given is passed over, except the last two. */
export interface LibraryOptions {
  /** A shared library that must be taken (LIBRDKAFKA_PATH): if it cannot be loaded, nothing else is tried. */
  path?: string | undefined;
  /** A copy that travels inside a compiled binary: its path there. */
  embedded?: string | undefined;
  /** The folder `bun run librdkafka` compiles into; default `~/.cache/librdkafka-bun`. */
  cacheDir?: string | undefined;
  /** Names tried with the system's loader; default `librdkafka.so.1` and `librdkafka.so`, on macOS `.dylib`. */
  system?: string[] | undefined;
}

/** A loaded librdkafka. */
export interface Library {
  path: string;
  source: "path" | "embedded" | "cache" | "system";
  /** As the library itself says it, such as "2.15.1". */
  version: string;
  K: Bindings;
  /** What clients are ended with, see `destroyAside`. */
  threads: Threads | undefined;
}

/** The file that `bun run librdkafka` makes: one for each version, system and processor. */
export function cachedLibraryPath(cacheDir = join(homedir(), ".cache", "librdkafka-bun")): string {
  const suffix = process.platform === "darwin" ? "dylib" : "so";
  return join(cacheDir, `librdkafka-${LIBRDKAFKA_VERSION}-${process.platform}-${process.arch}.${suffix}`);
}

/**
 * Loads librdkafka from the first place that has it.
 * Throws LibraryNotFoundError when none has, LibraryVersionError when the first found is older than 2.3 or not 2.x.
 */
export function loadLibrary(options: LibraryOptions = {}): Library {
  for (const { path, source } of candidates(options)) {
    const version = probe(path);
    if (version !== undefined) return open(path, source, version);
    if (source === "path") throw new LibraryNotFoundError(`${path} cannot be loaded`);
  }
  throw new LibraryNotFoundError("neither compiled nor installed");
}

/** What a doctor prints: which file was loaded, where from, its version and the features compiled into it. */
export function describeLibrary(library: Library): Omit<Library, "K" | "threads"> & { features: string[] } {
  const { K, path, source, version } = library;
  const conf = K.rd_kafka_conf_new();
  const features = Buffer.alloc(1024);
  K.rd_kafka_conf_get(conf, "builtin.features", features, new BigUint64Array([BigInt(features.length)]));
  K.rd_kafka_conf_destroy(conf);
  return { path, source, version, features: text(features).split(",") };
}

function candidates(options: LibraryOptions): Pick<Library, "path" | "source">[] {
  const mac = process.platform === "darwin";
  const found: Pick<Library, "path" | "source">[] = [];
  if (options.path) return [{ path: options.path, source: "path" }];
  if (options.embedded) found.push({ path: loadable(options.embedded), source: "embedded" });
  const cached = cachedLibraryPath(options.cacheDir);
  if (existsSync(cached)) found.push({ path: cached, source: "cache" });
  const names =
    options.system ?? (mac ? ["librdkafka.1.dylib", "librdkafka.dylib"] : ["librdkafka.so.1", "librdkafka.so"]);
  for (const path of names) found.push({ path, source: "system" });
  return found;
}

function open(path: string, source: Library["source"], version: number): Library {
  const dotted = [version >>> 24, (version >>> 16) & 255, (version >>> 8) & 255].join(".");
  if (version >>> 24 !== MAJOR || version < OLDEST) {
    throw new LibraryVersionError(`${path} is ${dotted}, needed is 2.3 or newer, below 3`);
  }
  if (process.arch !== "x64" && process.arch !== "arm64") {
    throw new LibraryVersionError(`its structures are known for x64 and arm64, not for ${process.arch}`);
  }
  const K = bind(path);
  return { path, source, version: K.rd_kafka_version_str() ?? dotted, K, threads: bindThreads(path) };
}
