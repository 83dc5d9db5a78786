import { describeConfig } from "../config.ts";
import type { CommandSpec, Options } from "./command.ts";

/** What every command's exit codes mean; 3 is explained by the commands that have it. */
export const EXIT_CODES = {
  done: "0  done",
  failed: "1  it could not be done; standard error says why in one line",
  usage: "2  the command line cannot be followed; standard error says why in one line",
  no: "3  it was done, and the answer is no: something is pending or missing",
} as const;

/** The text of `aetherlink <command> --help`. */
export function helpText<O extends Options>(spec: CommandSpec<O>): string {
  const usage = `Usage: aetherlink ${[spec.name, spec.args, "[options]"].filter(Boolean).join(" ")}`;
  const codes = [
    EXIT_CODES.done,
    spec.failed === undefined ? EXIT_CODES.failed : `1  ${spec.failed}`,
    EXIT_CODES.usage,
    ...(spec.no === undefined ? [] : [`3  ${spec.no}`]),
  ];
  return [
    `aetherlink ${spec.name}: ${spec.summary}\n`,
    `${usage}\n`,
    ...(spec.about === undefined ? [] : [`${spec.about}\n`]),
    section(
      "Options",
      columns(Object.entries(spec.options).map(([name, option]) => [flag(name, option), option.help])),
    ),
    section(
      "Examples",
      spec.examples.flatMap(([line, what]) => [`# ${what}`, `aetherlink ${line}`]),
    ),
    section("Exit codes", codes),
    ...environment(spec.environment ?? []),
  ].join("\n");
}

/** Rows of a name and its meaning, the meanings below one another. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, meaning]) => `${name.padEnd(width)}  ${meaning}`);
}

export function section(title: string, lines: readonly string[]): string {
  return `${title}:\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function flag(name: string, option: Options[string]): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  return `${short}--${name}${option.type === "string" ? ` ${option.value ?? "<text>"}` : ""}`;
}

function environment(names: readonly string[] | "all"): string[] {
  const rows = describeConfig().filter(({ name }) => names === "all" || names.includes(name));
  if (rows.length === 0) return [];
  const lines = rows.flatMap((row) => [`${row.name} (${row.fallback})`, `    ${row.description}`]);
  return [section("Environment variables, with their defaults", lines)];
}
