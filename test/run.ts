/**
 * `bun run test`: the whole suite. Compiles librdkafka when none is found and a compiler is there; with neither, the
 * tests that need it are left out with a word, but in CI that is a failure. Arguments go on to `bun test`.
 */
import { availableParallelism } from "node:os";
import { buildLibrary, canBuild } from "../src/kafka/build.ts";
import { LibraryNotFoundError, loadLibrary } from "../src/kafka/index.ts";

/** Milliseconds: the first database of a run has to be made, which took over 5 s on two busy cores. */
const TIMEOUT_MS = 30_000;
const NEEDS_LIBRARY = ["src/kafka/**", "test/kafka/**", "test/log/**"];

/** Each has a PostgreSQL of its own for all its files. One more than there are cores, since tests often wait; with more than four they would wait for disk and broker. */
const WORKERS = Math.min(4, availableParallelism() + 1);

const left = (await libraryIsThere()) ? [] : NEEDS_LIBRARY.map((pattern) => `--path-ignore-patterns=${pattern}`);
const command = [
  process.execPath,
  "test",
  `--timeout=${TIMEOUT_MS}`,
  `--parallel=${WORKERS}`,
  "--no-isolate",
  ...left,
  ...Bun.argv.slice(2),
];
process.exit(await Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit"] }).exited);

async function libraryIsThere(): Promise<boolean> {
  try {
    loadLibrary();
    return true;
  } catch (error) {
    if (!(error instanceof LibraryNotFoundError)) throw error;
    if (canBuild()) {
      process.stdout.write("compiling librdkafka for the tests, 40 s on 2 cores, once\n");
      await buildLibrary();
      return true;
    }
    if (process.env.CI === "true") throw error;
    process.stdout.write(`skipped: the tests of the Kafka client and log. ${error.message}\n`);
    return false;
  }
}
