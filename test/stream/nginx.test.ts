/** The stream through a real proxy: nginx, as people set it up first and as its manual has it for streams. */
import { afterEach, describe, expect, test } from "bun:test";
import { Nginx, nginxPath } from "../support/nginx.ts";
import { SseReader } from "../support/sse.ts";
import { StreamWorld } from "./world.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const SETTINGS = {
  "nothing but proxy_pass": "",
  "HTTP/1.1 to the server": 'proxy_http_version 1.1; proxy_set_header Connection "";',
  "compression of its own for every type": "gzip on; gzip_types *; gzip_min_length 0; gzip_proxied any;",
};

describe.skipIf(nginxPath() === undefined)("through nginx", () => {
  async function start(directives: string) {
    const world = await StreamWorld.start({ heartbeatMs: 100 });
    stops.push(() => world.stop());
    const nginx = await new Nginx().start(world.url, directives);
    stops.push(() => nginx.stop());
    return { world, url: `${nginx.url}/crm-events` };
  }

  async function open(url: string, headers: Record<string, string> = {}) {
    const response = await fetch(url, { headers });
    if (response.body === null) throw new Error("the stream has no body");
    return { response, reader: new SseReader(response.body) };
  }

  for (const [name, directives] of Object.entries(SETTINGS)) {
    for (const encoding of ["gzip", "identity"]) {
      test(`with ${name} every frame comes at once, ${encoding === "gzip" ? "compressed" : "as it is"}`, async () => {
        const { world, url } = await start(directives);
        const { response, reader } = await open(url, { "Accept-Encoding": encoding });
        await reader.until(({ lastEventId }) => lastEventId !== "");
        for (let n = 0; n < 5; n++) {
          await world.publish(1);
          await reader.until(() => reader.frames.length === n + 1);
        }
        await reader.until(({ comments }) => comments.includes("heartbeat"));
        expect(response.headers.get("Content-Type")).toBe("text/event-stream");
        await reader.close();
      });
    }
  }

  test("a client that goes away is forgotten by the server", async () => {
    const { world, url } = await start("");
    const { reader } = await open(url);
    await reader.until(({ lastEventId }) => lastEventId !== "");
    expect(world.hub.clientCount).toBe(1);
    await reader.close();
    while (world.hub.clientCount > 0) await Bun.sleep(5);
  });

  test("HEAD is answered by the headers alone", async () => {
    const { world, url } = await start("");
    const response = await fetch(url, { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
    expect(world.hub.clientCount).toBe(0);
  });
});
