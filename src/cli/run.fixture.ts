import type { Context } from "./command.ts";
import { execute } from "./run.ts";

/** Runs a command line in this process; what it printed stands beside the exit code. */
export async function runHere(argv: readonly string[], packed: Context["packed"] = {}, more: Partial<Context> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await execute(argv, {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    colour: false,
    packed,
    ...more,
  });
  return { code: Number(code), out: out.join(""), err: err.join("") };
}
