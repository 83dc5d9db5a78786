import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Admin } from "@platformatic/kafka";
import { testBrokers } from "../../../test/support/brokers.ts";
import { loadLibrary } from "../../kafka/index.ts";
import { MockCluster } from "../../kafka/mock.ts";
import { KafkaLog } from "../../log/kafka.ts";
import { append } from "../../outbox/outbox.fixture.ts";
import { silent, World } from "../autoheal.fixture.ts";
import { checkRules } from "../rules.ts";
import { act, isForAll, type Order, type Workshop } from "./act.ts";

/** Each action on the real part that it is about. */

let world: World;
const stops: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});
afterAll(() => world.stop());

const recovered = { recovers: async () => true };
const orderOf = (action: object, more: Partial<Order> = {}): Order => {
  const { actions } = checkRules({ actions: { act: action }, rules: [] });
  if (actions.act === undefined) throw new TypeError("it was just put there");
  return {
    decisionId: Bun.randomUUIDv7(),
    name: "act",
    action: actions.act,
    target: "",
    cause: "alert Down",
    trigger: { kind: "alert", name: "Down", fingerprint: "0", labels: {}, startsAt: "" },
    ...more,
  };
};
const perform = async (action: object, shop: Partial<Workshop> = {}, more: Partial<Order> = {}) =>
  await act(
    { parts: world.parts, board: recovered, replica: "one", path: "/usr/bin:/bin", ...shop },
    orderOf(action, more),
    new AbortController().signal,
  );

describe("restart-relay", () => {
  test("lets the relay begin anew, on another session, and it publishes", async () => {
    while (world.parts.relay.state !== "leading") await Bun.sleep(5);
    const session = async () => {
      const [row] = await world.db.sql`
        select pid from pg_locks where locktype = 'advisory' and objid = ${0x41_45_52_4c} and granted`;
      return row?.pid;
    };
    const before = await session();
    expect(await perform({ type: "restart-relay" })).toEqual({
      result: "executed",
      detail: "the relay began anew; afterwards relay is up",
    });
    while (world.parts.relay.state !== "leading") await Bun.sleep(5);
    expect(await session()).not.toBe(before);
    const before2 = [...world.parts.hub.head.values()].reduce((a, b) => a + b, 0);
    await append(world.sql, [1]);
    world.parts.relay.kick();
    while ([...world.parts.hub.head.values()].reduce((a, b) => a + b, 0) === before2) await Bun.sleep(5);
  });

  test("is of no help when its probe stays down", async () => {
    const outcome = await perform({ type: "restart-relay" }, { board: { recovers: async () => false } });
    expect(outcome).toEqual({ result: "failed", detail: "the relay began anew; relay was not up within 15 s" });
  });
});

test("restart-consumer lets the stream's reader begin anew, and what is published goes on to come", async () => {
  const outcome = await perform({ type: "restart-consumer" });
  expect(outcome.detail).toBe("the stream's reader began anew; afterwards stream is up");
  const { hub, log } = world.parts;
  const at = () => [...hub.head.values()].reduce((a, b) => a + b, 0);
  const before = at();
  await log.publish([{ key: "k", value: "{}", headers: {} }]);
  while (at() !== before + 1) await Bun.sleep(5);
});

describe("the log in Kafka", () => {
  const openLog = async (brokers: string, topic: string) => {
    const log = new KafkaLog({
      library: loadLibrary(),
      properties: { "bootstrap.servers": brokers, "fetch.wait.max.ms": 10, "enable.idempotence": false },
      topic,
      partitions: 3,
      replicationFactor: 1,
      group: "g",
      logger: silent,
    });
    await log.start();
    stops.push(() => log.stop());
    await log.watermarks();
    return { parts: { ...world.parts, log } };
  };

  test("is reconnected, and publishes by its new connections", async () => {
    const mock = new MockCluster(loadLibrary());
    stops.push(() => mock.close());
    mock.createTopic("again", 3);
    const shop = await openLog(mock.brokers, "again");
    expect(await perform({ type: "reconnect-log" }, shop)).toEqual({
      result: "executed",
      detail: "the log's connections were opened anew; afterwards broker is up",
    });
    const [position] = await shop.parts.log.publish([{ key: "k", value: "{}", headers: {} }]);
    expect(position).toMatchObject({ offset: 0 });
  });

  test.skipIf(testBrokers() === undefined)(
    "has its topic created when it is gone, and not when it is there",
    async () => {
      const topic = `autoheal-${crypto.randomUUID()}`;
      const shop = await openLog(testBrokers() ?? "", topic);
      const admin = new Admin({ clientId: "test", bootstrapBrokers: [testBrokers() ?? ""] });
      stops.push(async () => await admin.close());
      expect((await perform({ type: "create-topic" }, shop)).detail).toStartWith(`topic ${topic} was there already`);
      await admin.deleteTopics({ topics: [topic] });
      const { care } = shop.parts.log;
      while (await care?.hasTopic(5_000)) await Bun.sleep(20);
      expect((await perform({ type: "create-topic" }, shop)).detail).toStartWith(`topic ${topic} was created`);
      while (!(await care?.hasTopic(5_000))) await Bun.sleep(20);
      await admin.deleteTopics({ topics: [topic] });
    },
  );
});

test.each(["reconnect-log", "create-topic"])("%s is an error where the log is inside the process", async (type) => {
  const outcome = await perform({ type });
  expect(outcome.result).toBe("error");
  expect(outcome.detail).toContain("the event log is inside this process");
});

test("prune-idempotency-keys deletes those that have expired", async () => {
  await world.db.sql`
    insert into idempotency_keys (tenant_id, key, request_method, request_path, fingerprint, status_code, response_headers,
      response_body, created_at, expires_at)
    select gen_random_uuid(), 'k' || n, 'POST', '/', '\\x00', 201, '{}', '', now(), now() + case when n < 3 then -1 else 1 end * interval '1 hour'
    from generate_series(0, 4) n`;
  expect(await perform({ type: "prune-idempotency-keys" })).toEqual({
    result: "executed",
    detail: "3 expired keys were deleted",
  });
});

describe("exec and webhook", () => {
  const exec = { type: "exec", command: ["/bin/sh", "-c", 'echo "$AUTOHEAL_ACTION $AUTOHEAL_TARGET $0"', "{target}"] };

  test("are given the target as a word and as a variable, and the decision's id", async () => {
    const outcome = await perform({ ...exec, targets: ["redpanda"] }, {}, { target: "redpanda" });
    expect(outcome).toEqual({ result: "executed", detail: "it ended with exit code 0: act redpanda redpanda" });
  });

  test("have an exit code as their answer where an alert asked, and the probe that did otherwise", async () => {
    expect(await perform({ type: "exec", command: ["false"] })).toMatchObject({ result: "error" });
    const asked: unknown[] = [];
    const board = { recovers: async (...[name, ms]: [string, number, AbortSignal]) => !asked.push(name, ms) };
    const trigger = { kind: "probe", probe: "broker", downSeconds: 3, detail: "" } as const;
    expect(await perform({ type: "exec", command: ["true"] }, { board }, { trigger })).toMatchObject({
      result: "failed",
      detail: "it ended with exit code 0; broker was not up within 60 s",
    });
    expect(asked).toEqual(["broker", 60_000]);
  });

  test("post who asked for it, and why", async () => {
    const bodies: unknown[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        bodies.push(await request.json());
        return new Response();
      },
    });
    stops.push(() => server.stop(true));
    await perform({ type: "webhook", url: `${server.url.origin}/x` });
    expect(bodies).toMatchObject([{ version: "1", action: "act", cause: "alert Down", replica: "one", target: "" }]);
  });
});

test("each replica does by itself what is about its own part, and nothing else", () => {
  const types = ["restart-relay", "restart-consumer", "reconnect-log", "create-topic", "webhook", "exec"] as const;
  expect(types.filter(isForAll)).toEqual(["restart-relay", "restart-consumer", "reconnect-log"]);
});
