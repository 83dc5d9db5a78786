/**
 * `bun run audit`: asks the registry for known faults of the locked packages. Ends with 1 when there are any that
 * ACCEPTED does not explain, and when it could not ask; a registry that serves no advisories is said and is no failure.
 */

/** Advisories that do not concern us, by their id (CVE-… or GHSA-…), each with the reason. */
export const ACCEPTED: Readonly<Record<string, string>> = {};

/** What `bun audit` came to. */
export type Outcome = "clean" | "faults" | "not served" | "failed";

/** A mirror without the endpoint refuses the request itself. Whatever else goes wrong is not to be passed over. */
const NOT_SERVED = /\/-\/npm\/v1\/security\/advisories\/bulk - (?:404|405|501)\b/;

/** Reads what `bun audit` said. */
export function outcomeOf(code: number, output: string): Outcome {
  if (code === 0) return "clean";
  if (NOT_SERVED.test(output)) return "not served";
  return /\d+ vulnerabilit/.test(output) ? "faults" : "failed";
}

if (import.meta.main) {
  const ignored = Object.keys(ACCEPTED).map((id) => `--ignore=${id}`);
  const audit = Bun.spawn([process.execPath, "audit", ...ignored], { stdout: "pipe", stderr: "pipe" });
  const texts = await Promise.all([new Response(audit.stdout).text(), new Response(audit.stderr).text()]);
  const output = texts.join("");
  const outcome = outcomeOf(await audit.exited, output);
  process.stdout.write(output);
  if (outcome === "not served") process.stdout.write("this registry serves no advisories: nothing was checked\n");
  process.exit(outcome === "clean" || outcome === "not served" ? 0 : 1);
}
