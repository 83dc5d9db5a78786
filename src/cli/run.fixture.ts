import type { Packed } from "../packed.ts";
import { execute } from "./run.ts";

/** Runs a command line in this process; what it printed stands beside the exit code. */
export async function runHere(argv: readonly string[], packed: Packed = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await execute(argv, { out: (text) => void out.push(text), err: (text) => void err.push(text), packed });
  return { code: Number(code), out: out.join(""), err: err.join("") };
}
