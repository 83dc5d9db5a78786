import { expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunningServer } from "../support/server.ts";
import { AUDIENCE, Issuer, newKey } from "./issuer.ts";

test("a server on an address that others reach starts with an issuer, while that is away too, and lets in who it signs for", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-auth-"));
  await chmod(folder, 0o755);
  const issuer = await new Issuer([await newKey("k1")]).reserve();
  const env = { DATA_DIR: folder, HOST: "0.0.0.0", OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE };
  const server = new RunningServer({ env });
  try {
    await server.ready();
    const url = `${server.url.replace("0.0.0.0", "127.0.0.1")}/api/crm/jobs`;
    const ask = async (token?: string) => {
      const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      return (await fetch(url, { headers })).status;
    };
    const token = await issuer.token();
    expect(await ask()).toBe(401);
    expect(await ask(token)).toBe(503);
    await issuer.start();
    let status = 503;
    while (status === 503) status = await ask(token);
    expect(status).toBe(200);
    expect(await server.stop()).toBe(0);
    expect(server.output).not.toContain(token);
  } finally {
    if (server.process.exitCode === null) await server.stop("SIGKILL");
    await issuer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);

test("without an issuer such an address is refused in one line, unless AUTH=none says otherwise", async () => {
  const server = new RunningServer({ env: { HOST: "0.0.0.0", OIDC_ISSUER: "", AUTH: "" } });
  expect(await server.exited()).toBe(1);
  expect(server.output).toMatch(/^HOST: is no loopback address[^\n]*AUTH=none[^\n]*\n$/);
});
