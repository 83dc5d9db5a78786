/** `bun run audit`, against a registry that is ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ACCEPTED, outcomeOf } from "../../docs/tools/audit.ts";
import { ROOT } from "../support/server.ts";

const ADVISORY = {
  id: 1100001,
  url: "https://github.com/advisories/GHSA-xxxx-xxxx-xxxx",
  title: "Made up for a test",
  severity: "high",
  vulnerable_versions: "<=9999.0.0",
  cwe: [],
  cvss: { score: 7.5, vectorString: null },
};

let answer: () => Response;
let registry: Bun.Server<undefined>;
let asked: unknown;
beforeAll(() => {
  registry = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer());
      const text = request.headers.get("Content-Encoding") === "gzip" ? Bun.gunzipSync(body) : body;
      asked = JSON.parse(new TextDecoder().decode(text));
      return answer();
    },
  });
});
afterAll(() => registry.stop(true));

async function audit(): Promise<{ code: number; output: string }> {
  const run = Bun.spawn([process.execPath, "docs/tools/audit.ts"], {
    cwd: ROOT,
    env: { ...process.env, BUN_CONFIG_REGISTRY: registry.url.href, NPM_CONFIG_REGISTRY: registry.url.href },
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
  return { code: await run.exited, output: texts.join("") };
}

test("with a registry that knows no fault it ends with 0, and it asked about our packages", async () => {
  answer = () => Response.json({});
  expect(await audit()).toMatchObject({ code: 0, output: expect.not.stringContaining("nothing was checked") });
  expect(asked).toMatchObject({ hono: [expect.any(String)], postgres: ["3.4.9"] });
});

test("a fault in a package that we use ends it with 1 and is told", async () => {
  answer = () => Response.json({ hono: [ADVISORY] });
  expect(await audit()).toMatchObject({ code: 1, output: expect.stringContaining("Made up for a test") });
});

test.each([404, 405, 501])(
  "a registry without advisories, which answers %i, is said and is no failure",
  async (status) => {
    answer = () => new Response("", { status });
    expect(await audit()).toMatchObject({ code: 0, output: expect.stringContaining("nothing was checked") });
  },
);

test.each([403, 500])("a registry that fails with %i is a failure: not to know is not to be clean", async (status) => {
  answer = () => new Response("", { status });
  expect(await audit()).toMatchObject({ code: 1 });
});

test("what bun audit says is read by its exit code and words", () => {
  expect(outcomeOf(0, "No vulnerabilities found")).toBe("clean");
  expect(outcomeOf(1, "3 vulnerabilities (1 high, 2 low)")).toBe("faults");
  expect(outcomeOf(1, "error: ConnectionRefused")).toBe("failed");
});

test("every advisory that is accepted has its reason", () => {
  for (const [id, reason] of Object.entries(ACCEPTED)) expect([id, reason.length > 20]).toEqual([id, true]);
});
