import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Admin } from "@platformatic/kafka";
import { testBrokers } from "../../test/support/brokers.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import { createPool } from "../db/pool.ts";
import { loadLibrary } from "../kafka/index.ts";
import { MockCluster } from "../kafka/mock.ts";
import { KafkaLog } from "../log/kafka.ts";
import { append } from "../outbox/outbox.fixture.ts";
import { silent, World } from "./autoheal.fixture.ts";
import { type Parts, probesOf } from "./parts.ts";
import { ProbeBoard } from "./probes.ts";

/** The probes, each on the real part that it looks at. */

let world: World;
let now = 0;
beforeAll(async () => {
  world = await World.open();
});
beforeEach(async () => {
  now = 0;
  await world.db.sql`truncate outbox_events`;
});
afterAll(() => world.stop());

const probes = (parts: Partial<Parts> = {}) => probesOf({ ...world.parts, ...parts }, () => now);

describe("the database", () => {
  test("is up while it answers, and down with the reason when it does not", async () => {
    const proxy = new TcpProxy(world.db.url);
    const sql = createPool(proxy.url, 1, silent);
    try {
      const board = new ProbeBoard({ database: probes({ sql }).database as never });
      await board.look();
      expect(board.states.database?.up).toBe(true);
      proxy.silence();
      await board.look();
      expect(board.states.database).toMatchObject({ up: false, detail: "no answer within 1 s" });
    } finally {
      proxy.stop();
      await sql.end({ timeout: 0 });
    }
  });
});

describe("the relay's progress", () => {
  test("is well while nothing waits, and while what is next changes, however much waits", async () => {
    await world.parts.relay.stop();
    const { relay } = probes();
    expect(await relay?.()).toEqual({ up: true, detail: "nothing waits" });
    await append(world.sql, [1, 2, 3]);
    for (let n = 0; n < 3; n++) {
      expect(await relay?.()).toMatchObject({ up: true, detail: "publishes" });
      now += 1_400;
      await world.db.sql`
        update outbox_events set published_at = now()
        where id = (select min(id) from outbox_events where published_at is null)`;
    }
    expect(await relay?.()).toMatchObject({ up: true, detail: "nothing waits" });
  });

  test("is down when the same event has been the next for too long, and back as soon as it was published", async () => {
    await world.parts.relay.stop();
    const { relay } = probes();
    await append(world.sql, [1]);
    expect(await relay?.()).toMatchObject({ up: true });
    now += 1_500;
    const found = await relay?.();
    expect(found?.up).toBe(false);
    expect(found?.detail).toMatch(/^event \d+ has been the next for 2 s$/);
    world.parts.relay.start();
    while ((await relay?.())?.up !== true) await Bun.sleep(10);
  });

  test("does not suffer from an event that waits behind a refused one", async () => {
    await world.parts.relay.stop();
    await append(world.sql, [1]);
    await world.db.sql`update outbox_events set held = true`;
    expect(await probes().relay?.()).toEqual({ up: true, detail: "nothing waits" });
  });
});

describe("the stream's lag", () => {
  const heads = (head: number, isCaughtUp = true) => ({
    hub: { isCaughtUp, head: new Map([[0, head]]), restartReader() {} },
    log: { topic: "t", watermarks: async () => [{ partition: 0, low: 0, high: 10 }] },
  });

  test("is none when all was seen", async () => {
    expect(await probes().stream?.()).toEqual({ up: true, detail: "has seen all" });
  });

  test("is down when it stands at one place with more to read, and not while it reads on", async () => {
    const parts = heads(3);
    const { stream } = probes(parts);
    expect(await stream?.()).toMatchObject({ up: true, detail: "reads" });
    now += 1_400;
    parts.hub.head.set(0, 4);
    expect(await stream?.()).toMatchObject({ up: true });
    now += 1_600;
    expect(await stream?.()).toEqual({ up: false, detail: "stands at 0:4 for 2 s" });
  });

  test("is down when it does not catch up at its start", async () => {
    const { stream } = probes(heads(0, false));
    expect(await stream?.()).toMatchObject({ up: true, detail: "is catching up" });
    now += 2_000;
    expect(await stream?.()).toMatchObject({ up: false });
  });
});

describe("broker and topic", () => {
  test("are looked at with Kafka alone", () => {
    expect(Object.keys(probes()).toSorted()).toEqual(["database", "relay", "stream"]);
  });

  const open = async (brokers: string, topic: string) => {
    const log = new KafkaLog({
      library: loadLibrary(),
      properties: { "bootstrap.servers": brokers, "enable.idempotence": false },
      topic,
      partitions: 1,
      replicationFactor: 1,
      group: "g",
      logger: silent,
    });
    await log.start();
    return log;
  };

  test("a broker that closes its port is down, one that opens it again is up", async () => {
    const mock = new MockCluster(loadLibrary());
    mock.createTopic("t", 1);
    const log = await open(mock.brokers, "t");
    try {
      const board = new ProbeBoard(probes({ log }));
      const broker = () => board.states.broker?.up;
      while (broker() !== true || board.states.topic?.up !== true) await board.look();
      mock.down(1);
      while (broker() !== false) await board.look();
      expect(board.states.topic).toMatchObject({ up: null, detail: "cannot be told: no broker" });
      mock.up(1);
      while (broker() !== true) await board.look();
    } finally {
      await log.stop();
      await mock.close();
    }
  }, 30_000);

  test.skipIf(testBrokers() === undefined)("a topic that is deleted is down, while its broker is up", async () => {
    const topic = `autoheal-${crypto.randomUUID()}`;
    const log = await open(testBrokers() ?? "", topic);
    const admin = new Admin({ clientId: "test", bootstrapBrokers: [testBrokers() ?? ""] });
    try {
      await log.watermarks();
      const { broker, topic: probe } = probes({ log });
      expect(await probe?.()).toEqual({ up: true, detail: `${topic} is there` });
      await admin.deleteTopics({ topics: [topic] });
      while ((await probe?.())?.up === true) await Bun.sleep(20);
      expect(await probe?.()).toEqual({ up: false, detail: `there is no topic ${topic}` });
      expect(await broker?.()).toMatchObject({ up: true });
    } finally {
      await admin.close();
      await log.stop();
    }
  });
});
