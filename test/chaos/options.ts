import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults/index.ts";

/** What the environment asks for. */
export interface Options {
  /** CHAOS_ROUNDS: 1 is the short form. */
  readonly rounds: number;
  /** CHAOS_SEED: decides every choice; else another one each time, which is printed. */
  readonly seed: number;
  /** CHAOS_FAULTS: numbers separated by commas. */
  readonly faults: readonly Fault[];
}

export function readOptions(env: Readonly<Record<string, string | undefined>> = process.env): Options {
  const number = (name: string, fallback: number) => {
    const value = Number(env[name] || fallback);
    if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number from 1 on`);
    return value;
  };
  const wanted = env.CHAOS_FAULTS?.split(",").map(Number) ?? FAULTS.map((fault) => fault.number);
  const faults = FAULTS.filter((fault) => wanted.includes(fault.number));
  if (faults.length !== new Set(wanted).size)
    throw new Error(`CHAOS_FAULTS must be numbers from 1 to ${FAULTS.length}`);
  return { rounds: number("CHAOS_ROUNDS", 1), seed: number("CHAOS_SEED", 1 + (Date.now() % 1_000_000_000)), faults };
}

/** A seed for each run. */
export function seedOf(seed: number, fault: Fault, run: number): number {
  return seed + fault.number * 1_000 + run;
}
