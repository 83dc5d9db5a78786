/** schemathesis makes requests from the document, good and bad ones, and follows its links; every answer has to fit. */
import { describe, expect, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROLES } from "../../src/http/caller.ts";
import { AUDIENCE, Issuer, newKey, TENANT_A } from "../auth/issuer.ts";
import { testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";

/** Requests for each operation and phase; SCHEMATHESIS_EXAMPLES makes it long. */
const EXAMPLES = process.env.SCHEMATHESIS_EXAMPLES ?? "5";
const SEED = process.env.SCHEMATHESIS_SEED ?? "20270301";

const FILES = ["schemathesis.toml", "hooks.py"];

const tool = Bun.which("schemathesis");
if (tool === null && process.env.CI === "true") throw new Error("schemathesis is missing: .ci/run installs it");

const AUTOHEAL_TOKEN = "a-token-of-the-webhook";

describe.skipIf(tool === null)("schemathesis finds no fault and no 5xx", () => {
  test("where everyone is the development identity", () => run(), 180_000);

  test("where callers need tokens", async () => {
    const issuer = await new Issuer([await newKey("k1")]).start();
    try {
      const token = await issuer.token({ roles: ROLES, exp: Math.floor(Date.now() / 1_000) + 3_600 });
      await run({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE }, token);
    } finally {
      await issuer.stop();
    }
  }, 180_000);
});

async function run(env: Record<string, string> = {}, token?: string): Promise<void> {
  const db = await testDatabase();
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-schemathesis-"));
  // It looks for its hooks, and keeps what it learned, where it is started.
  for (const name of FILES) await cp(join(import.meta.dir, name), join(folder, name));
  const server = await new RunningServer({ env: { DATABASE_URL: db.url, AUTOHEAL_TOKEN, ...env } }).ready();
  try {
    const report = Bun.spawn(
      [
        tool ?? "",
        "--config-file",
        "schemathesis.toml",
        "run",
        `${server.url}/openapi.json`,
        "--no-color",
        `--max-examples=${EXAMPLES}`,
        `--seed=${SEED}`,
      ],
      {
        cwd: folder,
        env: { ...process.env, TOKEN: token ?? "", AUTOHEAL_TOKEN, TENANT: token === undefined ? "" : TENANT_A },
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    const [text, errors] = await Promise.all([new Response(report.stdout).text(), new Response(report.stderr).text()]);
    if (process.env.SCHEMATHESIS_REPORT === "1") process.stdout.write(text);
    if ((await report.exited) !== 0) throw new Error(`schemathesis ended with ${report.exitCode}:\n${text}${errors}`);
    expect(text).toMatch(/\d+ passed/);
    expect(server.output).not.toContain('"level":50');
  } finally {
    await server.stop();
    await db.drop();
    await rm(folder, { recursive: true, force: true });
  }
}
