/** The stream to real clients: curl and the npm package `eventsource`. */
import { afterEach, describe, expect, test } from "bun:test";
import { EventSource } from "eventsource";
import { SseReader } from "../support/sse.ts";
import { StreamWorld } from "./world.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function start(options: Parameters<typeof StreamWorld.start>[0] = {}): Promise<StreamWorld> {
  const world = await StreamWorld.start(options);
  stops.push(() => world.stop());
  return world;
}

/** A curl that goes on until it is killed. */
function curl(...args: string[]): SseReader {
  const process = Bun.spawn(["curl", "-sN", ...args], { stdio: ["ignore", "pipe", "ignore"] });
  stops.push(async () => {
    process.kill();
    await process.exited;
  });
  return new SseReader(process.stdout);
}

/** What a short curl prints. */
async function output(...args: string[]): Promise<string> {
  return await new Response(Bun.spawn(["curl", "-s", ...args], { stdio: ["ignore", "pipe", "ignore"] }).stdout).text();
}

const numbers = (reader: SseReader) => reader.frames.map(({ value }) => value.n);

describe("curl", () => {
  test("is sent each event in the moment it comes, with heartbeats that are comments, and compressed when it asks", async () => {
    const world = await start({ heartbeatMs: 50 });
    const readers = [
      curl(`${world.url}/crm-events`),
      curl("--compressed", `${world.url}/crm-events`),
      curl("-H", "Accept-Encoding: gzip;q=0, identity", `${world.url}/crm-events`),
    ];
    for (const reader of readers) await reader.until(({ lastEventId }) => lastEventId !== "");
    for (let n = 0; n < 5; n++) {
      await world.publish(1);
      // Each by itself: a compressor that waits for more would hold the last one back.
      for (const reader of readers) await reader.until(() => reader.frames.length === n + 1);
    }
    for (const reader of readers) {
      expect(numbers(reader)).toEqual([0, 1, 2, 3, 4]);
      expect(reader.retryMs).toBe(1_000);
      await reader.until(({ comments }) => comments.includes("heartbeat"));
      expect(reader.events.every(({ type }) => type === "message")).toBe(true);
    }
  });

  test("sees in the headers that nothing may be kept back or kept, and what it is compressed by", async () => {
    const world = await start();
    const plain = await output("-I", `${world.url}/crm-events`);
    expect(plain).toStartWith("HTTP/1.1 200");
    for (const line of [
      "content-type: text/event-stream",
      "cache-control: no-store, no-transform",
      "x-accel-buffering: no",
      "vary: accept-encoding",
    ])
      expect(plain.toLowerCase()).toContain(line);
    expect(plain.toLowerCase()).not.toContain("content-encoding");
    expect(world.hub.clientCount).toBe(0);
    const compressed = await output(
      "-D",
      "-",
      "-o",
      "/dev/null",
      "-m",
      "0.3",
      "--compressed",
      `${world.url}/crm-events`,
    );
    expect(compressed.toLowerCase()).toContain("content-encoding: gzip");
  });

  test("is told every parameter that is at fault", async () => {
    const world = await start();
    const problem = JSON.parse(await output(`${world.url}/crm-events?since=yesterday&tenant=acme&typ=Job`));
    expect(problem).toMatchObject({ status: 400, type: "urn:aetherlink:problem:malformed-request" });
    expect(problem.errors.map((fault: { parameter: string }) => fault.parameter)).toEqual(["tenant", "since", "typ"]);
  });

  test("is sent what it filters for, from the past and live", async () => {
    const world = await start();
    await world.publish(8);
    const reader = curl(`${world.url}/crm-events?from=earliest&type=account*&q=${encodeURIComponent("É😀")}`);
    await reader.until(() => reader.frames.length === 2);
    await world.publish(4);
    await reader.until(() => reader.frames.length === 3);
    expect(numbers(reader)).toEqual([3, 7, 11]);
  });

  test("reads a compressed stream to a clean end when the server ends it", async () => {
    const world = await start();
    const process = Bun.spawn(["curl", "-sN", "--compressed", `${world.url}/crm-events?from=earliest`], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const reader = new SseReader(process.stdout);
    await world.publish(3);
    await reader.until(() => reader.frames.length === 3);
    world.hub.closeClients();
    await reader.end();
    expect(await process.exited).toBe(0);
  });
});

describe("the npm package eventsource", () => {
  /** Opens one and keeps what it is sent. */
  function connect(url: string) {
    const source = new EventSource(url);
    stops.push(() => source.close());
    const state = { source, seen: [] as number[], opened: 0, errors: 0, beats: [] as { live: boolean }[] };
    source.onopen = () => state.opened++;
    source.onerror = () => state.errors++;
    source.onmessage = ({ data }) => state.seen.push(JSON.parse(data).value.n);
    source.addEventListener("heartbeat", ({ data }) => state.beats.push(JSON.parse(data)));
    return state;
  }
  const until = async (condition: () => boolean) => {
    while (!condition()) await Bun.sleep(2);
  };

  test("comes back by itself after its stream was ended, and goes on where it stopped", async () => {
    const world = await start({ retryMs: 20 });
    const client = connect(`${world.url}/crm-events?limit=10&heartbeat=event`);
    await until(() => client.beats.length > 0);
    expect(client.beats[0]?.live).toBe(true);
    for (let round = 1; round <= 4; round++) {
      await world.publish(5);
      world.hub.closeClients();
      await world.publish(5);
      await until(() => client.seen.length === 10 * round);
    }
    expect(client.seen).toEqual(world.published.map(({ n }) => n));
    expect(client.opened).toBeGreaterThan(4);
  });

  test("that finds every place taken is told to come back, does, and is served once there is one", async () => {
    const world = await start({ maxClients: 1, random: () => -0.499 });
    const first = connect(`${world.url}/crm-events`);
    await until(() => first.opened === 1);
    const response = await fetch(`${world.url}/crm-events`);
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/^retry: \d+\n: .*come back\n\n$/);
    const second = connect(`${world.url}/crm-events`);
    await until(() => second.errors >= 2);
    expect(second.source.readyState).toBe(EventSource.CONNECTING);
    expect(world.hub.clientCount).toBe(1);
    first.source.close();
    await until(() => world.hub.clientCount === 1 && second.source.readyState === EventSource.OPEN);
    await world.publish(1);
    await until(() => second.seen.length === 1);
  });
});
