/** deploy/Dockerfile and .dockerignore against the checkout. That its steps work was tried by hand: docs/decisions/containers.md. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { Glob } from "bun";
import { describeConfig, readConfig } from "../../src/config.ts";
import { ROOT } from "../support/server.ts";

const text = await Bun.file(join(ROOT, "deploy", "Dockerfile")).text();
/** Instructions as [name, rest], comments left out, continued lines joined. */
const instructions = text
  .replaceAll(/^#.*\n/gm, "")
  .replaceAll(/\\\n\s*/g, "")
  .split("\n")
  .map((line) => /^([A-Z]+) (.*)$/.exec(line))
  .filter((match) => match !== null)
  .map(([, name = "", rest = ""]) => ({ name, rest }));
const of = (name: string): string[] => instructions.filter((each) => each.name === name).map(({ rest }) => rest);

const ignore = (await Bun.file(join(ROOT, ".dockerignore")).text()).split("\n");
/** What .dockerignore lets through; it leaves out all else. */
const context = ignore.filter((line) => line.startsWith("!")).map((line) => line.slice(1));

/** Files of the checkout, outside of their own folder, that the program's modules import. */
async function importsOutsideSource(): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const file of new Glob("src/**/*.{ts,tsx}").scan(ROOT)) {
    if (/\.(test|fixture)\.ts$/.test(file)) continue;
    const source = await Bun.file(join(ROOT, file)).text();
    for (const [, specifier = ""] of source.matchAll(/from "(\.{1,2}\/[^"]+)"/g)) {
      const target = relative(ROOT, resolve(ROOT, file, "..", specifier));
      if (!target.startsWith("src/")) found.add(target);
    }
  }
  return found;
}

describe("Dockerfile", () => {
  test("its Bun is the one that the README and .ci/run install, and every base has an exact version", async () => {
    const readme = await Bun.file(join(ROOT, "README.md")).text();
    const bun = /npm install -g bun@([\d.]+)/.exec(readme)?.[1];
    expect(of("FROM")[0]).toBe(`oven/bun:${bun} AS bun`);
    for (const base of of("FROM")) expect(base).toMatch(/^[a-z/]+:\d+\.\d+(\.\d+)?(-slim)?( AS \w+)?$/);
    // The libraries that librdkafka was linked with are those of the release that it runs on.
    const [, build, run] = of("FROM").map((base) => base.split(" ")[0]);
    expect(run).toBe(build ?? "");
  });

  test("the server in it is not root, and listens where the image says", () => {
    expect(of("USER")).toEqual(["65532:65532"]);
    const given = Object.fromEntries(of("ENV").flatMap((line) => line.split(" ").map((pair) => pair.split("="))));
    const { HOME, ...variables } = given;
    expect(HOME).toBe("/");
    const known = describeConfig().map(({ name }) => name);
    for (const name of Object.keys(variables)) expect(known).toContain(name);
    expect(of("EXPOSE")).toEqual([given.PORT]);
    expect(String(readConfig({}).PORT)).toBe(given.PORT);
  });

  test("started by itself it refuses, in words, to serve everyone without a login", () => {
    expect(() => readConfig({ HOST: "0.0.0.0", PORT: "9010" })).toThrow("set OIDC_ISSUER, or AUTH=none");
  });

  test("what it copies is there", () => {
    const copied = of("COPY").filter((line) => !line.startsWith("--from"));
    expect(copied.length).toBeGreaterThan(2);
    for (const path of copied.flatMap((line) => line.split(" ").slice(0, -1))) {
      expect({ path, there: existsSync(join(ROOT, path)) }).toEqual({ path, there: true });
    }
  });

  test("every patch of a package is copied before packages are installed", async () => {
    const { patchedDependencies } = await Bun.file(join(ROOT, "package.json")).json();
    const install = instructions.findIndex(({ rest }) => rest.startsWith("bun install"));
    const before = instructions.slice(0, install).flatMap(({ name, rest }) => (name === "COPY" ? rest.split(" ") : []));
    for (const patch of Object.values<string>(patchedDependencies)) {
      expect(before.some((path) => patch.startsWith(`${path}/`))).toBe(true);
    }
  });

  test(".dockerignore leaves everything out but what the build imports", async () => {
    expect(ignore).toContain("*");
    const outside = await importsOutsideSource();
    expect(outside).toContain("package.json");
    for (const path of outside) expect(context).toContain(path.split("/")[0] ?? "");
    for (const path of [".git", "node_modules", ".data", "dist", ".env", "aetherlink.env"])
      expect(context).not.toContain(path);
  });

  test("the health check asks, with bash alone, for the path that says ready", async () => {
    const [check = ""] = of("HEALTHCHECK");
    const command: string[] = JSON.parse(/CMD (.*)$/.exec(check)?.[1] ?? "[]");
    let healthy = true;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        new Response("", { status: new URL(request.url).pathname === "/healthz/ready" && healthy ? 200 : 503 }),
    });
    const run = async () =>
      await Bun.spawn(command, { env: { PATH: process.env.PATH, PORT: String(server.port) }, stderr: "ignore" }).exited;
    expect(await run()).toBe(0);
    healthy = false;
    expect(await run()).not.toBe(0);
    await server.stop(true);
    expect(await run()).not.toBe(0);
  });
});
