/** A program that has a last line for a full disk, and prints the code of the error that comes of it. */
import { openSync, writeSync } from "node:fs";
import { SonicBoom } from "sonic-boom";

const contentMode = process.argv[2] === "buffer" ? "buffer" : "utf8";
const lines = new SonicBoom({ fd: openSync("/dev/full", "w"), minLength: 4_096, contentMode });
// Its types know of strings alone.
Reflect.apply(lines.write, lines, [contentMode === "buffer" ? Buffer.from("last\n") : "last\n"]);
try {
  lines.flushSync();
} catch (error) {
  writeSync(1, `${error instanceof Error && "code" in error ? error.code : error}\n`);
}
