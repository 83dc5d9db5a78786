import { parseArgs } from "node:util";
import type { Packed } from "../packed.ts";
import { Exit, type ExitCode, UsageError } from "./exit.ts";
import { helpText } from "./help.ts";

/** An option of a command, as `parseArgs` takes it, and its line in the help. */
export interface Option {
  readonly type: "boolean" | "string";
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  /** What stands for the value in the help, such as `<text>`. */
  readonly value?: string;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option>>;

// Not an interface: those have no index signature, which parseArgs's types ask for.
type WithHelp = { readonly help: { readonly type: "boolean"; readonly short: "h"; readonly help: string } };

/** Values of the options, typed by their description. */
export type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: O & WithHelp; allowPositionals: true }>
>["values"];

/** What a command works with beside its arguments. */
export interface Context {
  /** Writes to standard output. */
  readonly out: (text: string) => void;
  /** Resolves once what was written has been taken: whoever writes much waits for it. */
  readonly drained?: () => Promise<void>;
  /** Whom to tell when standard output refuses something. Without it that ends the process: a server goes on. */
  readonly onRefused?: (told: (error: Error) => void) => void;
  /** Writes to standard error. */
  readonly err: (text: string) => void;
  /** Whether the output goes to a terminal that shows colours: not with NO_COLOR, and not into a pipe. */
  readonly colour: boolean;
  /** Whether standard error goes to a terminal, where a line can be written over. */
  readonly errIsTerminal?: boolean;
  /** What travels inside the compiled binary; from sources there is nothing. */
  readonly packed: Packed;
  /** The clock; the real one by default. */
  readonly now?: () => Date;
  /** Told when a person wants a command that goes on to end: Ctrl-C, or whoever runs it. By default SIGINT and SIGTERM. */
  readonly signal?: AbortSignal;
}

export interface CommandSpec<O extends Options> {
  /** Its words, such as `outbox list`. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Its arguments in the usage line, such as `<event-id>…`; without it it takes none. */
  readonly args?: string;
  /** More that one should know, as paragraphs. */
  readonly about?: string;
  readonly options: O;
  /** A command line without the program's name, and what it does. */
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
  /** When the exit code is 3; without it, it never is. */
  readonly no?: string;
  /** When the exit code is 1, where that is not told by standard error. */
  readonly failed?: string;
  /** Environment variables that it looks at; "all" lists every one. */
  readonly environment?: readonly string[] | "all";
  run(values: Values<O>, args: string[], context: Context): Promise<ExitCode>;
}

/** A command, its options' types forgotten. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
  /** The text of `--help`. */
  help(): string;
  /** @throws {UsageError} when the arguments cannot be followed */
  run(args: string[], context: Context): Promise<ExitCode>;
}

export const JSON_OPTION = { type: "boolean", help: "one JSON object instead of text" } as const;

const HELP: WithHelp = { help: { type: "boolean", short: "h", help: "this text" } };

/** Makes a command of its description. */
export function defineCommand<const O extends Options>(spec: CommandSpec<O>): Command {
  const options = { ...spec.options, ...HELP };
  const help = () => helpText({ ...spec, options });
  return {
    name: spec.name,
    summary: spec.summary,
    examples: spec.examples,
    help,
    async run(args, context) {
      const { values, positionals } = parse(spec.name, args, options);
      if (args.some((arg) => arg === "--help" || arg === "-h")) {
        context.out(help());
        return Exit.ok;
      }
      if (spec.args === undefined && positionals.length > 0) {
        throw new UsageError(`${spec.name} takes no argument ${quote(positionals[0])}; ${see(spec.name)}`);
      }
      return await spec.run(values, positionals, context);
    },
  };
}

/** @throws {UsageError} for an unknown option, or one whose value is missing */
function parse<O extends Options>(name: string, args: string[], options: O) {
  try {
    return parseArgs<{ args: string[]; options: O; allowPositionals: true }>({ args, options, allowPositionals: true });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split(/\. |\n/)[0] ?? "") : String(error);
    throw new UsageError(`${name}: ${reason}; ${see(name)}`);
  }
}

/** Where to read on. */
export function see(name = ""): string {
  return `see ${["aetherlink", name, "--help"].filter(Boolean).join(" ")}`;
}

export function quote(text = ""): string {
  return `'${text.slice(0, 80).replaceAll(/\s+/g, " ")}'`;
}
