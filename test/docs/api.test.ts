/** docs/api.md is run from its first line to its last: by bash, against a real server, word by word. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../docs/tools/blocks.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import { answerFault, type Example, examplesOf, outputFault } from "./examples.ts";
import { Shell } from "./shell.ts";

/** Where the page says that the server is. */
const ADDRESS = "http://localhost:9010";
/** Milliseconds for which what only reads is asked again. */
const PATIENCE_MS = 5_000;

let db: TestDatabase;
let server: RunningServer;
let page: string;
beforeAll(async () => {
  db = await testDatabase();
  server = await new RunningServer({ env: { DATABASE_URL: db.url, KAFKA_BROKERS: "" } }).ready();
  page = await Bun.file(join(ROOT, "docs/api.md")).text();
});
afterAll(async () => {
  await server.stop();
  await db.drop();
});

/** What only reads may be asked again: an event takes a moment to be published. */
const isRead = (code: string) => !/ -(d|X) /.test(code);
const here = (text: string) => text.replaceAll(ADDRESS, server.url);

/** Why an example does not do what the page says; undefined when it does. */
async function run(shell: Shell, { code, expected }: Example): Promise<string | undefined> {
  if (expected === undefined) {
    await shell.run(here(code));
    return undefined;
  }
  if (expected.kind === "http") {
    const deadline = performance.now() + (isRead(code) ? PATIENCE_MS : 0);
    for (;;) {
      const fault = answerFault(await shell.run(here(code)), expected.text);
      if (fault === undefined || performance.now() > deadline) return fault;
    }
  }
  // A stream goes on by itself: what is expected has to come before we end it.
  return await shell.follow(here(code), (output) => outputFault(output, expected.text));
}

test("every command of docs/api.md gives what the page says", async () => {
  const examples = examplesOf(page).filter(({ language }) => language === "sh");
  expect(examples.length).toBeGreaterThan(20);
  // All but the first, which sets the variables, say what comes of them.
  expect(examples.filter(({ expected }) => expected === undefined)).toHaveLength(1);
  const shell = new Shell();
  try {
    for (const example of examples) {
      expect([example.code, await run(shell, example)]).toEqual([example.code, undefined]);
    }
  } finally {
    await shell.end();
  }
});

test("the program of docs/api.md compiles, runs, and prints what the page says", async () => {
  const [example] = examplesOf(page).filter(({ language }) => language === "ts");
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-client-"));
  try {
    // As in a program that has both installed.
    await mkdir(join(folder, "node_modules"));
    await symlink(join(ROOT, "node_modules/hono"), join(folder, "node_modules/hono"));
    await symlink(ROOT, join(folder, "node_modules/aetherlink"));
    await Bun.write(join(folder, "client.ts"), here(example?.code ?? ""));
    const types = join(ROOT, "node_modules/@types");
    const compilerOptions = { typeRoots: [types], rootDir: "/", noUnusedLocals: false };
    const config = { extends: join(ROOT, "tsconfig.json"), compilerOptions, include: ["client.ts"] };
    await Bun.write(join(folder, "tsconfig.json"), JSON.stringify(config));
    const [compiled, ran] = await Promise.all([
      printed([join(ROOT, "node_modules/.bin/tsc"), "-p", folder], folder),
      printed([process.execPath, "client.ts"], folder),
    ]);
    expect(compiled).toBe("");
    expect(ran.trim()).toBe(example?.expected?.text ?? "?");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function printed(command: string[], cwd: string): Promise<string> {
  const process = Bun.spawn(command, { cwd, stdout: "pipe", stderr: "pipe" });
  const texts = await Promise.all([new Response(process.stdout).text(), new Response(process.stderr).text()]);
  await process.exited;
  return texts.join("");
}

describe("the comparison", () => {
  const answer = 'HTTP/1.1 200 OK\r\nETag: "v1"\r\nDate: now\r\n\r\n{"id" : "7", "title":"x"}';

  test.each([
    ['HTTP/1.1 200 OK\nETag: "v1"\n\n{"id":"…","title":"x"}', undefined],
    ['HTTP/1.1 200 OK\n\n{"id":"7",\n "title":"x"}', undefined],
    ["HTTP/1.1 201 Created", "the status"],
    ['HTTP/1.1 200 OK\nETag: "v2"\n\n{…}', "no header"],
    ['HTTP/1.1 200 OK\n\n{"id":"…"}', "the body"],
    ['HTTP/1.1 200 OK\n\n{"id":"…","title":"X"}', "the body"],
    ["HTTP/1.1 200 OK", "the body"],
  ])("of an answer with %p finds %p", (expected, fault) => {
    if (fault === undefined) expect(answerFault(answer, expected)).toBeUndefined();
    else expect(answerFault(answer, expected)).toContain(fault);
  });

  test("of a program's output finds lines that are missing or in another order", () => {
    expect(outputFault("a\nb 1\nc\n", "a\nb …")).toBeUndefined();
    expect(outputFault("a\nb\n", "b\na")).toContain("no line a");
    expect(outputFault("a\n", "")).toBeUndefined();
  });
});
