/** The programs of Prometheus and Alertmanager that check their own files. */
const NEEDED = ["promtool", "amtool", "prometheus"] as const;

/** Those that are not installed: then their tests are left out, but in CI that is a failure. */
export function missingTools(): string[] {
  const missing = NEEDED.filter((program) => Bun.which(program) === null);
  if (missing.length > 0 && process.env.CI === "true")
    throw new Error(`must be installed in CI: ${missing.join(", ")}`);
  return missing;
}

/** Runs a program to its end. @returns its exit code and all that it printed */
export async function run(
  command: string[],
  cwd = process.cwd(),
  env: Record<string, string> = {},
): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, output: `${out}${err}` };
}
