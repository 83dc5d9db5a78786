import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { testBrokers } from "./support.ts";

const brokers = testBrokers();

describe.skipIf(!brokers || process.platform !== "linux")("memory", () => {
  test("a million messages and a hundred clients later it is flat, and no pipe or thread is left", async () => {
    const child = Bun.spawn([process.execPath, "--smol", join(import.meta.dir, "memory.child.ts"), brokers ?? ""], {
      stderr: "inherit",
    });
    const { growth, files, threads } = JSON.parse(await Bun.readableStreamToText(child.stdout));
    expect(growth).toBeLessThan(20e6);
    expect(files).toBeLessThanOrEqual(0);
    expect(threads).toBe(0);
  }, 60_000);
});
