import { within } from "../../deadline.ts";
import { reasonOf } from "../broker.ts";

/** What a check found. */
export interface Finding {
  /** off: there is nothing to look at, because it is not configured or because what it needs is away. */
  readonly state: "ok" | "failed" | "off";
  /** One line; no secret is in it. */
  readonly text: string;
  /** What to do about it; with everything that failed. */
  readonly todo?: string;
}

/** One thing that the server needs. */
export interface Check {
  readonly name: string;
  /** Milliseconds that it may take. */
  readonly limitMs: number;
  /** Looks now. What it throws is a failure with the error's own words. */
  look(): Promise<Finding>;
}

/** A check that was made. */
export interface Result extends Finding {
  readonly name: string;
  /** Milliseconds that it took. */
  readonly ms: number;
}

export const ok = (text: string): Finding => ({ state: "ok", text });
export const off = (text: string): Finding => ({ state: "off", text });
export const failed = (text: string, todo: string): Finding => ({ state: "failed", text, todo });

/** Makes a check within its time; it never rejects, so that none keeps another from being made or told. */
export async function make({ name, limitMs, look }: Check): Promise<Result> {
  const began = performance.now();
  const finding = await within(
    limitMs,
    look().catch((error: unknown) => failed(reasonOf(error), "this is not foreseen: please report it")),
  );
  const ms = Math.round(performance.now() - began);
  if (finding !== "late") return { name, ...finding, ms };
  return { name, ...failed(`no answer within ${limitMs / 1_000} s`, "look whether it hangs or is cut off"), ms };
}

/** "1 key", "2 keys". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
