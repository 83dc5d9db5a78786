/**
 * `bun run test:chaos`: every fault, CHAOS_ROUNDS times, in one world. Prints the table; exit code 1 when anything was lost,
 * repeated, out of order or uncommitted, with the evidence and the seed.
 */
import { readOptions, seedOf } from "./options.ts";
import { evidence, findings, table } from "./report.ts";
import { checkAll, isGood, type Outcome, runFault } from "./run.ts";
import { isClean } from "./verdict.ts";
import { missing, World } from "./world.ts";

const print = (text: string) => void process.stdout.write(`${text}\n`);
const { rounds, seed, faults } = readOptions();
const lacking = missing();
if (lacking !== undefined) {
  print(`the chaos suite needs ${lacking}`);
  process.exit(1);
}
const began = performance.now();
print(`seed ${seed}, rounds ${rounds}`);
const world = await World.start();
const [database] = await world.database.sql<{ version: string }[]>`show server_version`.then((rows) =>
  rows.map((row) => ({ version: Object.values(row).join() })),
);
print(`Bun ${Bun.version}, PostgreSQL ${database?.version}, Apache Kafka ${world.broker.version}`);
const outcomes: Outcome[] = [];
let isGoodSoFar = true;
for (const fault of faults) {
  const times = fault.times?.(rounds) ?? rounds;
  for (let run = 1; run <= times; run++) {
    const outcome = await runFault(world, fault, run, seedOf(seed, fault, run));
    outcomes.push(outcome);
    const { verdict, pauseMs, retries } = outcome;
    const word = isGood(outcome) ? "good" : "WRONG";
    print(
      `${word}  ${fault.name} ${run}/${times}: ${verdict.events} events, pause ${(pauseMs / 1_000).toFixed(1)} s, ${retries} retries`,
    );
    if (isGood(outcome)) continue;
    isGoodSoFar = false;
    print(evidence(outcome).join("\n"));
    for (const node of world.nodes) print(`-- last words of server ${node.name}:\n${node.lastWords()}`);
  }
}
const whole = await checkAll(world);
const connections = world.readers.map((reader) => reader.connections).join(" and ");
await world.stop();
print(`\n${table(outcomes)}\n`);
print(`over the whole life of both readers (${connections} connections): ${whole.events} events`);
print(findings(whole).join("\n") || "nothing lost, repeated, out of order or uncommitted");
print(`seed ${seed}, ${((performance.now() - began) / 1_000).toFixed(0)} s`);
process.exit(isGoodSoFar && isClean(whole) ? 0 : 1);
