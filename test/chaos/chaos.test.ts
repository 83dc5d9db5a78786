import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readOptions, seedOf } from "./options.ts";
import { evidence, findings, table } from "./report.ts";
import { checkAll, type Outcome, runFault } from "./run.ts";
import { missing, World } from "./world.ts";

const lacking = missing();
if (lacking !== undefined && process.env.CI === "true") throw new Error(`the chaos suite needs ${lacking}`);
if (lacking !== undefined) process.stdout.write(`skipped: the chaos suite, which needs ${lacking}\n`);
/** Generous: a fault takes 3 to 20 s. */
const LIMIT_MS = 240_000;
const { seed, faults } = readOptions({ ...process.env, CHAOS_ROUNDS: "1" });

describe.skipIf(lacking !== undefined)(`nothing is lost, repeated, reordered or made up (seed ${seed}) by`, () => {
  let world: World;
  const outcomes: Outcome[] = [];

  beforeAll(async () => {
    world = await World.start();
  }, LIMIT_MS);

  afterAll(async () => {
    await world?.stop();
    process.stdout.write(`${table(outcomes)}\n`);
  }, LIMIT_MS);

  for (const fault of faults) {
    test(
      fault.sentence,
      async () => {
        const times = fault.times?.(1) ?? 1;
        for (let run = 1; run <= times; run++) {
          const outcome = await runFault(world, fault, run, seedOf(seed, fault, run));
          outcomes.push(outcome);
          expect(evidence(outcome)).toEqual([]);
          expect(outcome.verdict.events).toBeGreaterThan(100);
        }
      },
      LIMIT_MS,
    );
  }

  test(
    "all of them together, over the whole life of each stream reader",
    async () => {
      expect(findings(await checkAll(world))).toEqual([]);
    },
    LIMIT_MS,
  );
});
