import type { Outcome } from "./run.ts";
import type { Finding, Verdict } from "./verdict.ts";

const HEAD = [
  "fault",
  "runs",
  "events",
  "lost",
  "repeated",
  "out of order",
  "uncommitted",
  "Kafka repeats",
  "longest pause",
  "drained in",
];
/** Findings of each kind that are printed. */
const SHOWN = 10;

/** The outcomes as a table in Markdown: a row for each fault, its runs added up, its times the longest. */
export function table(outcomes: readonly Outcome[]): string {
  const rows = [...Map.groupBy(outcomes, ({ fault }) => fault).entries()].map(([fault, runs]) => {
    const sum = (of: (outcome: Outcome) => number) => String(runs.reduce((total, one) => total + of(one), 0));
    const longest = (of: (outcome: Outcome) => number) => `${(Math.max(...runs.map(of)) / 1_000).toFixed(1)} s`;
    return [
      `${fault.number} ${fault.name}`,
      String(runs.length),
      sum(({ verdict }) => verdict.events),
      sum(({ verdict }) => verdict.lost.length),
      sum(({ verdict }) => verdict.repeated.length),
      sum(({ verdict }) => verdict.reordered.length),
      sum(({ verdict }) => verdict.uncommitted.length),
      sum(({ verdict }) => verdict.topicRepeats),
      longest(({ pauseMs }) => pauseMs),
      longest(({ drainMs }) => drainMs),
    ];
  });
  const widths = HEAD.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(HEAD), rule, ...rows.map(line)].join("\n");
}

/** What is wrong with a verdict, a line each. */
export function findings({ lost, repeated, reordered, uncommitted }: Verdict): string[] {
  return Object.entries({ lost, repeated, "out of order": reordered, uncommitted }).flatMap(([kind, list]) => [
    ...list.slice(0, SHOWN).map((finding) => `${kind}: ${sentence(finding)}`),
    ...(list.length > SHOWN ? [`${kind}: ${list.length - SHOWN} more`] : []),
  ]);
}

/** All that is wrong with a run, a line each. */
export function evidence({ verdict, broken }: Outcome): string[] {
  return [...findings(verdict), ...broken.slice(0, SHOWN)];
}

function sentence({ where, event, what }: Finding): string {
  return `${where}: ${event.type} ${event.eventId ?? ""} (version ${event.version} of ${event.aggregateId}) ${what}`;
}
