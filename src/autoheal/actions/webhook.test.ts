import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { postWebhook } from "./webhook.ts";

/** A receiver that does what its path says. */
const seen: { path: string; body: unknown; headers: Headers }[] = [];
let server: Bun.Server<undefined>;
beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      seen.push({ path: pathname, body: await request.json(), headers: request.headers });
      if (pathname === "/hang") return await new Promise<Response>(() => {});
      if (pathname === "/trickle")
        return new Response(
          new ReadableStream({ start: (body) => body.enqueue("a"), pull: () => new Promise(() => {}) }),
        );
      if (pathname === "/moved") return Response.redirect("/secret-elsewhere", 307);
      if (pathname === "/refuses") return new Response(`no\0 ${"x".repeat(10_000)}`, { status: 500 });
      return new Response("thanks");
    },
  });
});
afterAll(() => server.stop(true));

const post = (path: string, timeoutMs = 10_000, signal = new AbortController().signal) =>
  postWebhook(`${server.url.origin}${path}`, { action: "a" }, timeoutMs, signal);

describe("a webhook", () => {
  test("is posted JSON, and says what was answered without the path, which may be a secret", async () => {
    expect(await post("/T0KEN")).toBe(`${server.url.origin} answered 200`);
    expect(seen.at(-1)).toMatchObject({ path: "/T0KEN", body: { action: "a" } });
    expect(seen.at(-1)?.headers.get("content-type")).toBe("application/json");
  });

  test("that answers anything but a 2xx is an error, with the beginning of what it said", async () => {
    const error = await post("/refuses").catch((error: Error) => error.message);
    expect(error).toStartWith(`${server.url.origin} answered 500: no x`);
    expect(String(error).length).toBeLessThan(600);
    expect(error).not.toContain("\0");
  });

  test("is not followed elsewhere: only the URL of the file is called", async () => {
    await expect(post("/moved")).rejects.toThrow("answered 307");
    expect(seen.map(({ path }) => path)).not.toContain("/secret-elsewhere");
  });

  test("that does not answer in time is an error", async () => {
    await expect(post("/hang", 200)).rejects.toThrow("did not answer within 0.2 s");
  });

  test("that never ends its body is not waited for", async () => {
    expect(await post("/trickle", 60_000)).toEndWith("answered 200");
  });

  test("that is not there is an error that does not tell the path", async () => {
    const error = await postWebhook("http://127.0.0.1:1/T0KEN", {}, 5_000, new AbortController().signal).catch(String);
    expect(error).toContain("http://127.0.0.1:1 could not be reached");
    expect(error).not.toContain("T0KEN");
  });

  test("is given up when the lead is lost", async () => {
    const abort = new AbortController();
    const posting = post("/hang", 60_000, abort.signal);
    abort.abort();
    await expect(posting).rejects.toThrow("given up");
  });
});
