import { expect } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../support/server.ts";

/** A port on which nothing listens. */
export const NOBODY = "127.0.0.1:1";

/** A check as `--json` tells it. */
export interface Told {
  readonly name: string;
  readonly state: "ok" | "failed" | "off";
  readonly text: string;
  readonly todo?: string;
  readonly ms: number;
}

/** Runs `aetherlink doctor` in a folder, with nothing but that in its environment. */
export async function runDoctor(folder: string, env: Record<string, string>, args: string[] = ["--json"]) {
  const child = Bun.spawn([process.execPath, join(ROOT, "src", "main.ts"), "doctor", ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: "0", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

/** What it says with that environment. */
export async function doctor(folder: string, env: Record<string, string>) {
  const { code, out, err } = await runDoctor(folder, env);
  expect(err).toBe("");
  const { ok, checks }: { ok: boolean; checks: Told[] } = JSON.parse(out);
  expect(code).toBe(ok ? 0 : 1);
  const failed = checks.filter(({ state }) => state === "failed");
  // Whatever is wrong comes with what to do.
  for (const each of failed) expect(each.todo ?? "", each.name).not.toBe("");
  return {
    code,
    out,
    checks,
    failed: failed.map(({ name }) => name),
    of: (name: string) => checks.find((each) => each.name === name) ?? fail(name),
  };
}

function fail(name: string): never {
  throw new Error(`there is no check ${name}`);
}
