import { run } from "./cli/run.ts";

/** The command line, from sources; the compiled binary's way in is made by `src/binary/build.ts`. Nothing else reads argv. */
await run(Bun.argv.slice(2));
