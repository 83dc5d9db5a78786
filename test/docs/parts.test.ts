import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../docs/tools/blocks.ts";
import { RunningServer } from "../support/server.ts";

test("parts are stopped in the reverse of the order that docs/architecture.md gives for their start", async () => {
  const page = await Bun.file(join(ROOT, "docs/architecture.md")).text();
  const said = [...page.matchAll(/^\d+\. (.+)$/gm)].map(([, part]) => part);
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-parts-"));
  try {
    const server = await new RunningServer({
      env: { DATA_DIR: join(folder, "data"), LOG_LEVEL: "debug", LOG_FORMAT: "json", KAFKA_BROKERS: "" },
    }).ready();
    expect(await server.stop()).toBe(0);
    const stopped = [...server.output.matchAll(/"part":"([^"]+)","msg":"stopping a part"/g)].map(([, part]) => part);
    expect(stopped.toReversed()).toEqual(said);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
