import { compile, narrow, parse } from "../filter/index.ts";
import { type Context, defineCommand } from "./command.ts";
import { follow } from "./events/follow.ts";
import { eventLine } from "./events/line.ts";
import type { StreamEvent } from "./events/parser.ts";
import { Exit, UsageError } from "./exit.ts";
import { REMOTE_ENVIRONMENT, Remote, wholeNumber } from "./remote.ts";
import { untilTold } from "./told.ts";

/** The server's own limits of `since` and `limit`. */
const SINCE = /^(\d{1,6}[smhd]|\d{4}-\d\d-\d\dT.{1,40})$/;
const MAX_PAST = 10_000;

/** `aetherlink events tail`. */
export const eventsTail = defineCommand({
  name: "events tail",
  summary: "follow the stream of a running server in a terminal",
  args: "[<filter>…]",
  about:
    'The filter is the page\'s: type:Job* tenant:… aggregate:… status:Open data.title:… "some text" -word. A word with a\n' +
    "minus in front of it goes behind -- (two hyphens), so that it is not taken for an option.\n" +
    "After a break it resumes where it stopped, without gap or repeat, and says so on standard error. Ctrl-C ends it.",
  options: {
    since: { type: "string", value: "<time>", help: "begin in the past: 90s, 10m, 2h, 7d, or 2026-11-23T07:00:00Z" },
    limit: { type: "string", value: "<n>", help: "of the past only the newest n events" },
    number: { type: "string", short: "n", value: "<n>", help: "end after n events" },
    url: { type: "string", value: "<url>", help: "the server; default AETHERLINK_URL, else the one on this machine" },
    json: { type: "boolean", help: "one JSON object a line, as the stream has it" },
  },
  examples: [
    ["events tail", "everything, as it happens"],
    ["events tail 'type:Job* -status:Cancelled' --since 10m", "jobs of the last ten minutes and from now on"],
    ["events tail --json --number 1 --since 7d --limit 1 | jq .value", "the last event, for a script"],
    ["events tail --url https://crm.example.com -- -type:*Updated", "of another server, all but updates"],
  ],
  environment: REMOTE_ENVIRONMENT,
  run: async ({ since, limit, number, url, json = false }, words, context) => {
    const query = parse(words.join(" "));
    if (query.faults.length > 0)
      throw new UsageError(`events tail: ${query.faults.map(({ message }) => message).join("; ")}`);
    if (since !== undefined && !SINCE.test(since))
      throw new UsageError(
        `--since is 90s, 10m, 2h, 7d or a time such as 2026-11-23T07:00:00Z, not '${since.slice(0, 80)}'`,
      );
    const past = wholeNumber("limit", limit, 0, MAX_PAST);
    const enough = wholeNumber("number", number, 1, 999_999_999) ?? Number.POSITIVE_INFINITY;
    const parameters = new URLSearchParams(narrow(query).map((pair) => [...pair]));
    if (since !== undefined) parameters.set("since", since);
    if (past !== undefined) parameters.set("limit", String(past));
    const remote = new Remote(url);
    const told = context.signal === undefined ? untilTold() : undefined;
    const printer = new Printer(context, json, enough, compile(query));
    try {
      await follow({
        remote,
        query: parameters,
        signal: context.signal ?? told?.signal ?? AbortSignal.abort(),
        take: (event) => printer.take(event),
        note: (line) => printer.note(line),
      });
    } finally {
      told?.forget();
    }
    return Exit.ok;
  },
});

/** Writes events until there are enough of them. */
class Printer {
  readonly #context: Context;
  readonly #json: boolean;
  readonly #matches: (frame: unknown) => boolean;
  #left: number;

  constructor(context: Context, json: boolean, enough: number, matches: (frame: unknown) => boolean) {
    this.#context = context;
    this.#json = json;
    this.#left = enough;
    this.#matches = matches;
  }

  /** False: it was the last. */
  async take({ type, data }: StreamEvent): Promise<boolean> {
    if (type === "reset") this.note("some events are not kept any more; the newest that are follow");
    if (type !== "message") return true;
    const frame: unknown = JSON.parse(data);
    if (!this.#matches(frame)) return true;
    const { out, colour, drained } = this.#context;
    out(this.#json ? `${data}\n` : eventLine(frame, colour));
    // Who reads slowly gets no more than it takes: the rest waits at the server, and there it can be resumed from.
    await drained?.();
    this.#left -= 1;
    return this.#left > 0;
  }

  note(line: string): void {
    this.#context.err(`aetherlink: ${line}\n`);
  }
}
