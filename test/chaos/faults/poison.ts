import { randomBytes } from "node:crypto";
import { z } from "zod";
import { until } from "../../support/wait.ts";
import type { Fault, Scene } from "../fault.ts";

/** Bytes that the topic takes, and of the event that is larger; both leave ordinary events alone. */
const LIMIT = 20_000;
const POISON = 28_000;
const TRIES_MS = 30_000;

const letters = z.object({
  data: z.array(z.object({ eventId: z.string(), aggregateId: z.string(), tries: z.number() })),
});

/** Kafka refuses an event for itself, in the middle of traffic, until a person decides: one is requeued, one discarded. */
export const poison: Fault = {
  number: 7,
  name: "poison event",
  sentence: "an event that Kafka refuses: its aggregate waits, all others flow, and a person requeues or discards it",
  async strike(scene) {
    const { world, writer } = scene;
    await world.broker.limitMessages(LIMIT);
    try {
      const [requeued, discarded] = await Promise.all([poisoned(scene), poisoned(scene)]);
      await until("both events are dead letters after five tries", TRIES_MS, async () => {
        const dead = await deadLetters(scene);
        return [requeued, discarded].every((id) => dead.some((one) => one.aggregateId === id && one.tries === 5));
      });
      const waiting = (await world.database.committed(writer.tenantId)).filter(
        ({ aggregateId, version }) => version > 1 && (aggregateId === requeued || aggregateId === discarded),
      );
      await flows(scene);
      if (world.readers.some((reader) => waiting.some(({ eventId }) => reader.has(eventId)))) {
        throw new Error("an event came that should wait behind a dead letter");
      }
      await decide(scene, discarded, "discard");
      await until("what was behind the discarded event came", TRIES_MS, () => {
        const behind = waiting.filter(({ aggregateId, version }) => aggregateId === discarded && version > 2);
        return world.readers.every((reader) => behind.every(({ eventId }) => reader.has(eventId)));
      });
      await world.broker.limitMessages();
      await decide(scene, requeued, "requeue");
    } finally {
      await world.broker.limitMessages();
    }
  },
};

/** A job with an ordinary first event, a second one that is too large, and two more behind that. */
async function poisoned({ writer }: Scene): Promise<string> {
  const created = await writer.write({ method: "POST", path: "", body: { title: "Poisoned" } });
  if (created === undefined) throw new Error("the job could not be made");
  const patch = async (attributes: object | null) => {
    const body = { attributes: { ballast: attributes } };
    const done = await writer.write({ method: "PATCH", path: `/${created.id}`, body });
    if (done !== undefined) writer.note(done, "JobUpdated");
  };
  await patch({ hex: randomBytes(POISON / 2).toString("hex") });
  await patch(null);
  await patch(null);
  return created.id;
}

/** Other aggregates' events go on coming while two are blocked. */
async function flows({ world }: Scene): Promise<void> {
  const before = world.readers.map((reader) => reader.events.length);
  await until("other aggregates flow", TRIES_MS, () =>
    world.readers.every((reader, i) => reader.events.length >= (before[i] ?? 0) + 50),
  );
}

async function deadLetters({ world, random }: Scene) {
  const response = await fetch(`${random.pick(world.nodes).url}/api/ops/outbox/dead-letters?limit=200`);
  return letters.parse(await response.json()).data;
}

async function decide(scene: Scene, aggregateId: string, action: "requeue" | "discard"): Promise<void> {
  const letter = (await deadLetters(scene)).find((one) => one.aggregateId === aggregateId);
  const url = `${scene.random.pick(scene.world.nodes).url}/api/ops/outbox/dead-letters/${letter?.eventId}/${action}`;
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ reason: "chaos" }),
  });
  if (response.status !== 200) throw new Error(`${action} was answered ${response.status}`);
}
