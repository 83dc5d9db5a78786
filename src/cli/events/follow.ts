import { ConfigError } from "../../config.ts";
import { CommandError } from "../exit.ts";
import { type Remote, unreachable } from "../remote.ts";
import { pause } from "../told.ts";
import { EventParser, type StreamEvent } from "./parser.ts";

export interface FollowOptions {
  readonly remote: Remote;
  /** What is asked for beside the position. */
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
  /** Takes an event. False: it is enough. */
  take(event: StreamEvent): Promise<boolean>;
  /** Told, as one line, when the stream broke and when it is back. */
  note(line: string): void;
  /** Milliseconds of silence after which the connection is taken for dead. Default 60,000: heartbeats come every 15 s. */
  readonly silenceMs?: number;
}

const SILENCE_MS = 60_000;
/** Milliseconds before the first reconnect when the server does not say, and at most. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 10_000;

/** Statuses that pass by themselves. */
const PASSING = new Set([429, 500, 502, 503, 504]);

/**
 * Follows the stream until the signal is aborted or `take` has enough. After a break it comes back where it stopped, by
 * Last-Event-ID, and goes on trying for as long as it takes.
 * @throws {CommandError} when the server cannot be reached at first, or refuses
 */
export async function follow(options: FollowOptions): Promise<void> {
  const parser = new EventParser();
  let broken: string | undefined;
  let wasOpen = false;
  let failures = 0;
  for (;;) {
    const end = await connect(options, parser, () => {
      wasOpen = true;
      if (broken !== undefined) options.note(`the stream is back, ${placeOf(parser)}`);
      broken = undefined;
      failures = 0;
    });
    if (end === "enough" || options.signal.aborted) return;
    // Where nobody listens from the first, the address is mistaken; later, the server is being started anew.
    if (end instanceof CommandError && !wasOpen) throw end;
    const why = end instanceof CommandError ? end.message : end;
    if (broken === undefined) options.note(`the stream broke: ${why}; it is opened again where it stopped`);
    broken = why;
    const wait = Math.min(RETRY_MAX_MS, (parser.retryMs ?? RETRY_MS) * 2 ** Math.min(failures, 10));
    failures += 1;
    // Not all clients of a server that was away at once.
    await pause(failures === 1 ? wait : wait * (0.5 + Math.random() / 2), options.signal);
    if (options.signal.aborted) return;
  }
}

function placeOf({ lastEventId }: EventParser): string {
  return lastEventId === "" ? "from now on" : `resumed behind ${lastEventId}`;
}

/**
 * One connection.
 * @param opened told when the server streams
 * @returns why it ended; an error when the server could not be reached
 * @throws {CommandError} when the server refuses
 */
async function connect(
  { remote, query, signal, take, silenceMs = SILENCE_MS }: FollowOptions,
  parser: EventParser,
  opened: () => void,
): Promise<string | CommandError> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMs);
  try {
    const response = await fetch(`${remote.url}/crm-events?${query}`, {
      headers: remote.headers({
        Accept: "text/event-stream",
        ...(parser.lastEventId === "" ? {} : { "Last-Event-ID": parser.lastEventId }),
      }),
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (PASSING.has(response.status)) return `the server answered ${response.status}`;
    if (response.status !== 200 || response.body === null) throw await remote.refusal(response);
    let isOpen = false;
    for await (const piece of response.body) {
      timer.refresh();
      for (const event of parser.push(piece)) if (!(await take(event))) return "enough";
      // A server that is full answers too, and ends the stream at once.
      if (!isOpen && parser.lastEventId !== "") opened();
      isOpen ||= parser.lastEventId !== "";
    }
    return "the server ended it";
  } catch (error) {
    if (signal.aborted) return "enough";
    if (silence.signal.aborted) return `nothing came for ${silenceMs / 1_000} s`;
    if (error instanceof CommandError || error instanceof ConfigError) throw error;
    return unreachable(remote, error);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
