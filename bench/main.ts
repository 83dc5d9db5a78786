/**
 * The one place where every figure comes from.
 *
 *     bun run bench                 all questions, and their results into RESULTS.md and results.json
 *     bun run bench <question>…     some of them, into the same files
 *     bun run bench quick […]       one short round each: whether it works; nothing is written
 *     bun run bench --list          the questions, and what each needs
 */
import { loadavg } from "node:os";
import { missing } from "./harness/needs.ts";
import { type Answer, isMet, type Question } from "./harness/question.ts";
import { describeMachine, merge, readResults, section, writeResults } from "./harness/results.ts";
import { answerQuestion, type Outcome, Run } from "./harness/run.ts";
import { median } from "./harness/stats.ts";
import { versions } from "./harness/versions.ts";
import { QUESTIONS } from "./questions.ts";

/** A question that takes longer hangs. */
const LIMIT_MS = 15 * 60_000;

/** Milliseconds that the machine gets between two questions to come to rest. */
const SETTLE_MS = 2_000;

const args = Bun.argv.slice(2);
const isQuick = args.includes("quick");
const asked = args.filter((arg) => arg !== "quick" && !arg.startsWith("--"));
const print = (text: string) => process.stdout.write(`${text}\n`);

if (args.includes("--list")) list();
else if (args.includes("--question")) await answerQuestion(find(asked[0] ?? ""), isQuick);
else process.exit(await all());

function list(): void {
  for (const { name, asks, needs } of QUESTIONS) {
    const needed = needs.map((need) => (missing(need) === undefined ? need : `${need}, which is missing`));
    print(`${name.padEnd(12)} ${asks}${needed.length === 0 ? "" : ` Needs ${needed.join(", ")}.`}`);
  }
}

function find(name: string): Question {
  const question = QUESTIONS.find((each) => each.name === name);
  if (question !== undefined) return question;
  process.stderr.write(`There is no question ${JSON.stringify(name)}; bun run bench --list has them.\n`);
  return process.exit(2);
}

/** Asks what is to be asked, one after the other; 1 when a question failed or a program that it needs is missing. */
async function all(): Promise<number> {
  const questions =
    asked.length > 0 ? asked.map(find) : QUESTIONS.filter(({ inQuick }) => !isQuick || inQuick !== false);
  const commit = await commitOf();
  const answers: Answer[] = [];
  const began = performance.now();
  let running: Run | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, async () => {
      await running?.stop();
      process.exit(130);
    });
  }
  const old = await readResults();
  const order = QUESTIONS.map(({ name }) => name);
  const installed = { machine: describeMachine(), versions: await versions() };
  for (const { name, asks, needs } of questions) {
    print(`# ${name}: ${asks}`);
    if (!isQuick) await settle();
    const [at, from, before] = [new Date().toISOString(), performance.now(), loadavg()[0] ?? Number.NaN];
    const absent = needs.flatMap((need) => missing(need) ?? []);
    let outcome: Outcome = { notRun: `needs ${absent.join(", ")}`, figures: [], usage: [], notes: [] };
    if (absent.length === 0) {
      running = await Run.start(import.meta.path, name, isQuick);
      outcome = await running.outcome(LIMIT_MS);
      running = undefined;
    }
    const seconds = (performance.now() - from) / 1_000;
    const answer = { name, asks, at, commit, seconds, load: [before, loadavg()[0] ?? Number.NaN] as const, ...outcome };
    answers.push(answer);
    print(section(answer).slice(4).join("\n"));
    // After each, so that one which fails takes nothing with it, and the last can reckon with the others.
    if (!isQuick) await writeResults(merge(old, answers, order, installed));
  }
  const seconds = (performance.now() - began) / 1_000;
  if (!isQuick && asked.length === 0) {
    const full = { at: new Date().toISOString(), seconds };
    await writeResults(merge(old, answers, order, { ...installed, full }));
  }
  return summary(answers, seconds);
}

/** What the question before has written goes to the disk first: beside it a wait for the disk takes up to 100 ms. */
async function settle(): Promise<void> {
  await Bun.spawn(["sync"]).exited;
  await Bun.sleep(SETTLE_MS);
}

/** Says in the end what was not run and which bars are missed. A quick run holds nobody to a bar. */
function summary(answers: readonly Answer[], seconds: number): number {
  const idle = answers.filter(({ notRun }) => notRun !== undefined);
  for (const { name, notRun } of idle) print(`not run: ${name}: ${notRun}`);
  const figures = answers.flatMap((answer) => answer.figures.map((figure) => ({ name: answer.name, ...figure })));
  const missed = figures.filter(({ values, bar }) => isMet(median(values), bar) === false);
  if (!isQuick) for (const { name, what } of missed) print(`bar missed: ${name}: ${what}`);
  print(`${answers.length - idle.length} of ${answers.length} questions in ${seconds.toFixed(0)} s`);
  return idle.length === 0 ? 0 : 1;
}

async function commitOf(): Promise<string> {
  const git = (...command: string[]) =>
    new Response(Bun.spawn(["git", ...command], { stdout: "pipe", stderr: "ignore" }).stdout).text();
  const [id, changes] = await Promise.all([
    git("rev-parse", "--short", "HEAD"),
    git("status", "--porcelain", "src", "sql"),
  ]);
  return `${id.trim() || "unknown"}${changes === "" ? "" : " with changes"}`;
}
