import { randomBytes } from "node:crypto";
import { until } from "../../support/wait.ts";
import type { Fault, Scene } from "../fault.ts";

/** What PostgreSQL writes into its log. */
const NO_SPACE = "No space left on device";
const REFUSED_MS = 20_000;

/** The database can write nothing more, first for want of space, then because it was set to read only. */
export const diskFull: Fault = {
  number: 6,
  name: "disk full, read only",
  sentence: "a disk that is full and a database that is read only: writes are answered 503 and nothing is half done",
  async strike(scene) {
    const { database } = scene.world;
    const before = await database.complaints(NO_SPACE);
    database.shim.setFull(true);
    try {
      await refused(scene, "the disk is full");
    } finally {
      database.shim.setFull(false);
    }
    if ((await database.complaints(NO_SPACE)) === before) throw new Error("PostgreSQL saw no full disk");
    // PostgreSQL gives up when its own log cannot grow; then a person starts it again.
    if (!database.isRunning) await database.start();
    await until("writes go through again", REFUSED_MS, async () => (await fill(scene)) !== 503);
    await database.setReadOnly(true);
    try {
      await refused(scene, "the database is read only");
    } finally {
      await database.setReadOnly(false);
    }
  },
};

/** Writes large jobs until one is answered 503, since small ones still find room in pages that are there already. */
async function refused(scene: Scene, why: string): Promise<void> {
  const { writer } = scene;
  const before = writer.refusals.length;
  await until(`a write is answered 503 while ${why}`, REFUSED_MS, async () => {
    await fill(scene);
    return writer.refusals.slice(before).filter(({ status }) => status === 503).length >= 3;
  });
}

/** One large job, for once without a retry. */
async function fill({ world, writer, random }: Scene): Promise<number> {
  const attributes = { ballast: randomBytes(12_000).toString("hex") };
  const target = random.pick(world.nodes);
  return await writer.once({ method: "POST", path: "", body: { title: "Ballast", attributes } }, target);
}
