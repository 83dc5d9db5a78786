import { version } from "../../package.json";
import { RulesError } from "../autoheal/index.ts";
import { ConfigError } from "../config.ts";
import { EmbeddedPostgresError } from "../db/embedded/index.ts";
import { MigrationError } from "../db/migrate.ts";
import { DatabaseError } from "../db/pool.ts";
import { within } from "../deadline.ts";
import { ListenError } from "../http/server.ts";
import { ConfigError as KafkaConfigError, KafkaError, LibraryNotFoundError } from "../kafka/index.ts";
import { SecondLogError } from "../outbox/index.ts";
import type { Packed } from "../packed.ts";
import { type Command, type Context, quote, see } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { CommandError, Exit, type ExitCode, UsageError } from "./exit.ts";
import { columns, EXIT_CODES, section } from "./help.ts";
import { Output } from "./output.ts";

/** Milliseconds that a reader gets to take the last words: one that sleeps must not keep the process from ending. */
const LAST_WORDS_MS = 1_000;

/** Runs one command line and ends the process with its exit code; while a server runs, it does not end. */
export async function run(argv: readonly string[], packed: Packed = {}): Promise<never> {
  const output = new Output();
  const context: Context = {
    out: (text) => output.write(text),
    err: (text) => void process.stderr.write(text),
    drained: () => output.drained(),
    onRefused: (told) => {
      output.onRefused = told;
    },
    errIsTerminal: process.stderr.isTTY === true,
    // Bun looks at NO_COLOR, and whether standard output or standard error is a terminal.
    colour: process.stdout.isTTY && Bun.enableANSIColors,
    packed,
  };
  const code = await execute(argv, context);
  // A pipe takes what is written in its own time, and `exit` does not wait for it.
  await within(LAST_WORDS_MS, output.written());
  process.exit(code);
}

/** Runs one command line; resolves with the exit code. */
export async function execute(argv: readonly string[], context: Context): Promise<ExitCode> {
  try {
    return await dispatch(argv, context);
  } catch (error) {
    context.err(isReadable(error) ? `${error.message}\n` : `${Bun.inspect(error)}\n`);
    return error instanceof UsageError ? Exit.usage : Exit.failed;
  }
}

async function dispatch(argv: readonly string[], context: Context): Promise<ExitCode> {
  const words = wordsBefore(argv);
  if (words === 0 && argv.some((arg) => arg === "--help" || arg === "-h")) return print(context, overview());
  if (words === 0 && argv.some((arg) => arg === "--version" || arg === "-v")) return print(context, `${version}\n`);
  if (argv[0] === "help") return print(context, helpFor(argv.slice(1)));
  const { command, taken } = words === 0 ? { command: find(["serve"]), taken: 0 } : longest(argv.slice(0, words));
  if (command !== undefined) return await command.run(argv.slice(taken), context);
  const group = subcommands(argv[0] ?? "");
  if (group.length > 0 && argv.slice(words).some((arg) => arg === "--help" || arg === "-h"))
    return print(context, groupHelp(argv[0] ?? "", group));
  throw unknown(argv.slice(0, words));
}

/** Words before the first option: the command and its arguments. */
function wordsBefore(argv: readonly string[]): number {
  const first = argv.findIndex((arg) => arg.startsWith("-"));
  return first < 0 ? argv.length : first;
}

/** The command with the most of the words. */
function longest(words: readonly string[]): { command: Command | undefined; taken: number } {
  for (const taken of [2, 1]) {
    const command = words.length < taken ? undefined : find(words.slice(0, taken));
    if (command !== undefined) return { command, taken };
  }
  return { command: undefined, taken: 0 };
}

function find(words: readonly string[]): Command | undefined {
  return COMMANDS.find(({ name }) => name === words.join(" "));
}

function subcommands(group: string): Command[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${group} `));
}

function unknown([first = "", second]: readonly string[]): UsageError {
  const group = subcommands(first);
  if (group.length === 0) {
    const names = [...new Set(COMMANDS.map(({ name }) => name.split(" ")[0] ?? ""))];
    return new UsageError(`there is no command ${quote(first)}, there are ${listed(names)}; ${see()}`);
  }
  const names = listed(group.map(({ name }) => name.slice(first.length + 1)));
  const what = second === undefined ? `${first} needs one of its commands` : `${first} has no command ${quote(second)}`;
  return new UsageError(`${what}: ${names}; ${see(first)}`);
}

/** "a, b and c". */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function helpFor(words: readonly string[]): string {
  if (words.length === 0) return overview();
  const command = find(words);
  if (command !== undefined) return command.help();
  const group = subcommands(words[0] ?? "");
  if (words.length === 1 && group.length > 0) return groupHelp(words[0] ?? "", group);
  throw unknown(words);
}

function overview(): string {
  return [
    `aetherlink ${version}: a multi-tenant CRM API whose every change becomes an event and is shown live\n`,
    "Usage: aetherlink [command] [options]\n",
    section("Commands", columns(COMMANDS.map(({ name, summary }) => [name, summary]))),
    section("Exit codes", Object.values(EXIT_CODES)),
    "Without a command it serves. Each command says more with --help, with examples.\n" +
      "Configured by environment variables: aetherlink serve --help lists them.\n",
  ].join("\n");
}

function groupHelp(group: string, commands: readonly Command[]): string {
  return [
    `Usage: aetherlink ${group} <command> [options]\n`,
    section("Commands", columns(commands.map(({ name, summary }) => [name, summary]))),
    "Each says more with --help.\n",
  ].join("\n");
}

function print(context: Context, text: string): ExitCode {
  context.out(text);
  return Exit.ok;
}

/** Faults of whoever starts the program: they get their lines, not a stack trace. */
function isReadable(error: unknown): error is Error {
  const readable = [
    ConfigError,
    ListenError,
    EmbeddedPostgresError,
    DatabaseError,
    MigrationError,
    LibraryNotFoundError,
    KafkaConfigError,
    KafkaError,
    SecondLogError,
    RulesError,
    UsageError,
    CommandError,
  ];
  return readable.some((kind) => error instanceof kind);
}
