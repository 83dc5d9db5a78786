/** RESULTS.md and results.json: what was measured, when, on what, and which bars hold. */
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { type Answer, type Bar, type Figure, isMet, type Usage } from "./question.ts";
import { median, spread } from "./stats.ts";

const FOLDER = join(import.meta.dir, "..");

export interface Results {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  /** The last run of all questions: when, and how many seconds it took. */
  readonly full?: { readonly at: string; readonly seconds: number } | undefined;
  readonly answers: readonly Answer[];
}

export function describeMachine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${memory} GiB, Linux ${release()}`;
}

/** The last results, or none. */
export async function readResults(): Promise<Results | undefined> {
  const file = Bun.file(join(FOLDER, "results.json"));
  return (await file.exists()) ? ((await file.json()) as Results) : undefined;
}

/** Puts the answers in place of older ones to the same questions; those that were not run leave the older ones. */
export function merge(
  old: Results | undefined,
  answers: readonly Answer[],
  order: readonly string[],
  rest: Pick<Results, "machine" | "versions" | "full">,
): Results {
  const fresh = new Map(answers.map((answer) => [answer.name, answer]));
  const kept = (old?.answers ?? []).filter(({ name }) => !fresh.has(name) && order.includes(name));
  const all = [...kept, ...answers].toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return { ...rest, full: rest.full ?? old?.full, answers: all };
}

export async function writeResults(results: Results): Promise<void> {
  await Bun.write(join(FOLDER, "results.json"), `${JSON.stringify(results, null, 1)}\n`);
  await Bun.write(join(FOLDER, "RESULTS.md"), render(results));
}

/** The whole page. */
export function render(results: Results): string {
  const { full, machine, versions, answers } = results;
  const judged = answers.flatMap((answer) => answer.figures.map((figure) => ({ answer, figure })));
  const barred = judged.filter(({ figure }) => figure.bar !== undefined);
  const missed = barred.filter(({ figure }) => isMet(median(figure.values), figure.bar) !== true);
  const idle = answers.filter(({ notRun }) => notRun !== undefined);
  return [
    "# Results of the benchmarks",
    "",
    "Written by `bun run bench`, never by hand; `results.json` has every round. Median (lowest – highest). PostgreSQL with fsync, Kafka,",
    "server, clients and load are all on the machine that is named, and share its cores.",
    "",
    `- Machine: ${machine}`,
    `- Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
    ...(full === undefined
      ? []
      : [
          `- Last run of everything: ${full.at.slice(0, 16).replace("T", " ")} UTC, ${minutes(full.seconds)}. A section that was measured later says so by its date.`,
        ]),
    `- Bars: ${barred.length - missed.length} of ${barred.length} are met${missed.length === 0 ? "." : "; not these:"}`,
    ...missed.map(
      ({ answer, figure }) =>
        `  - ${answer.name}: ${figure.what}: ${verdict(figure)}${figure.why === undefined ? "" : `. ${figure.why}`}`,
    ),
    ...(idle.length === 0 ? [] : [`- Not run: ${idle.map(({ name, notRun }) => `${name} (${notRun})`).join("; ")}`]),
    "",
    ...answers.flatMap(section),
  ].join("\n");
}

/** One question with its tables. */
export function section(answer: Answer): string[] {
  const { name, asks, at, commit, seconds, load, figures, usage, notes, notRun } = answer;
  const head = [`## ${name}`, "", asks, ""];
  if (notRun !== undefined) return [...head, `Not run: ${notRun}.`, ""];
  return [
    ...head,
    `\`bun run bench ${name}\`, ${at.slice(0, 16).replace("T", " ")} UTC, commit ${commit}, ${minutes(seconds)}, load average ${load[0].toFixed(1)} before and ${load[1].toFixed(1)} after.`,
    "",
    "| what | measured | bar | |",
    "| --- | --- | --- | --- |",
    ...figures.map(
      (figure) =>
        `| ${figure.what}${figure.unit === "" ? "" : ` (${figure.unit})`} | ${spread(figure.values, figure.digits ?? 0)} | ${showBar(figure.bar)} | ${verdict(figure)} |`,
    ),
    "",
    ...processes(usage),
    ...notes.flatMap((note) => [note, ""]),
  ];
}

function processes(usage: readonly Usage[]): string[] {
  if (usage.length === 0) return [];
  return [
    "| during | process | cores | memory, most (MB) |",
    "| --- | --- | --- | ---: |",
    ...usage.map(
      (each) =>
        `| ${each.during} | ${each.process} | ${spread(each.cores, 2)} | ${Number.isFinite(each.peakMb) ? each.peakMb.toFixed(0) : ""} |`,
    ),
    "",
  ];
}

function showBar(bar: Bar | undefined): string {
  if (bar === undefined) return "";
  return "atLeast" in bar ? `≥ ${bar.atLeast.toLocaleString("en")}` : `≤ ${bar.atMost.toLocaleString("en")}`;
}

/** `met`, or by how much it is missed. */
export function verdict({ values, bar, digits = 0 }: Figure): string {
  const value = median(values);
  const met = isMet(value, bar);
  if (bar === undefined || met === undefined) return "";
  if (met) return "met";
  const target = "atLeast" in bar ? bar.atLeast : bar.atMost;
  if (!Number.isFinite(value)) return "**missed**: not measured";
  const by = target === 0 ? "" : ` (${Math.abs((100 * (value - target)) / target).toFixed(0)} %)`;
  return `**missed** by ${Math.abs(value - target).toLocaleString("en", { maximumFractionDigits: Math.abs(value - target) < 10 ? Math.max(1, digits) : 0 })}${by}`;
}

function minutes(seconds: number): string {
  return seconds < 100 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} minutes`;
}
