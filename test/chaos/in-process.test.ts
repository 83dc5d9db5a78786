import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { makeBelow, makeFolder, removeFolder } from "../support/folder.ts";
import { until } from "../support/wait.ts";
import { Database } from "./database.ts";
import { Node } from "./node.ts";
import { readOptions } from "./options.ts";
import { Random } from "./random.ts";
import { StreamReader } from "./reader.ts";
import { findings } from "./report.ts";
import { compileShim } from "./shim.ts";
import { judge } from "./verdict.ts";
import { missingTools } from "./world.ts";
import { Writer } from "./writer.ts";

const lacking = missingTools();
if (lacking !== undefined && process.env.CI === "true") throw new Error(`the chaos suite needs ${lacking}`);
const { seed } = readOptions();
const KILLS = 3;
const LIMIT_MS = 120_000;

/** Without Kafka there is one server, with the event log inside its process. */
describe.skipIf(lacking !== undefined)(`with the event log in the server's own process (seed ${seed})`, () => {
  const undo: (() => unknown)[] = [];
  let database: Database;
  let node: Node;

  beforeAll(async () => {
    const folder = await makeFolder();
    undo.push(() => removeFolder(folder));
    const library = await compileShim(folder);
    database = await Database.start(folder, library);
    undo.push(() => database.stop());
    const env = { DATABASE_URL: database.url, KAFKA_BROKERS: "", LOG_FORMAT: "json" };
    node = new Node("alone", await makeBelow(folder, "server"), library, env);
    undo.push(() => node.stop());
    await node.start();
  }, LIMIT_MS);

  afterAll(async () => {
    for (const step of undo.toReversed()) await step();
  }, LIMIT_MS);

  test(
    "kill -9 under load loses, reorders and makes up nothing for a reader that comes back and keeps the event ids",
    async () => {
      const random = new Random(seed);
      const reader = new StreamReader("stream", [node]);
      undo.push(() => reader.stop());
      reader.start();
      const writer = new Writer([node], randomUUID(), random);
      writer.start();
      const more = async () => {
        const enough = writer.acknowledged.length + 60;
        await until("the writer gets on", 30_000, () => writer.acknowledged.length >= enough);
      };
      for (let kill = 0; kill < KILLS; kill++) {
        await more();
        await Bun.sleep(random.between(0, 100));
        await node.kill();
        await node.start();
      }
      await more();
      await writer.stop(30_000);
      await until("the outbox is empty", 30_000, async () => (await database.backlog()) === 0);
      const committed = await database.committed();
      await until("the stream has every event", 10_000, () =>
        committed.every(({ eventId }) => reader.has(eventId)),
      ).catch(() => {});
      const streams = { stream: reader.events };
      const verdict = judge({ acknowledged: writer.acknowledged, committed, topic: undefined, streams });
      // The log died with what it had shown and not recorded, which comes again: docs/decisions/in-process-log.md.
      const wrong = findings({ ...verdict, repeated: [] });
      expect([...wrong, ...writer.wrong, ...(await database.halfDone())]).toEqual([]);
      expect([verdict.events > 200, reader.connections > KILLS, reader.resets]).toEqual([true, true, 0]);
    },
    LIMIT_MS,
  );
});
