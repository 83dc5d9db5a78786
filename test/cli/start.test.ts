/** A server that was told something that cannot be: a process that ends with one line and exit code 1, before anything is started. */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runShell } from "./command.ts";

/** Whoever connects there is refused: had anything of the database been asked before, its line would stand there. */
const NOBODY = "postgres://crm:s3cret@127.0.0.1:1/crm";

async function lineOf(env: Record<string, string>): Promise<string> {
  const { code, out, err } = await runShell("aetherlink serve", { PORT: "0", DATABASE_URL: NOBODY, ...env });
  expect({ code, out, lines: err.split("\n").length - 1 }, err).toEqual({ code: 1, out: "", lines: 1 });
  expect(err).not.toContain("s3cret");
  return err.trimEnd();
}

test("malformed rules of autoheal are refused first of all, before the database is asked", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-start-"));
  try {
    const file = join(folder, "autoheal.json");
    await Bun.write(file, '{"actions":{"a":{"type":"nap"}},"rules":[]}');
    expect(await lineOf({ AUTOHEAL_FILE: file })).toStartWith(
      `AUTOHEAL_FILE: ${file}: #/actions/a/type must be one of`,
    );
    expect(await lineOf({ AUTOHEAL_FILE: folder })).toBe(`AUTOHEAL_FILE: ${folder}: cannot be read (EISDIR)`);
    // There is none, which is allowed: so the next thing is at fault.
    const next = await lineOf({ AUTOHEAL_FILE: join(folder, "none.json") });
    expect(next).toStartWith("DATABASE_URL: cannot use the database at 127.0.0.1:1/crm: ");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a HOST that nobody knows, and a password that is no UTF-8, are one line", async () => {
  expect(await lineOf({ HOST: "256.1.1.1", AUTH: "none" })).toStartWith("HOST: 256.1.1.1 is no IP address and no name");
  const url = "postgres://crm:s3cret%ff@127.0.0.1:1/crm";
  for (const name of ["DATABASE_URL", "DATABASE_SESSION_URL"])
    expect(await lineOf({ [name]: url })).toStartWith(`${name}: must have every % followed by two hex digits`);
});
