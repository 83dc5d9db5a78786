import { z } from "zod";
import { readConfig } from "../config.ts";
import { CommandError, UsageError } from "./exit.ts";

/** Variables by which commands that ask a running server are told which and as whom. */
export const REMOTE_ENVIRONMENT = ["AETHERLINK_URL", "AETHERLINK_TOKEN", "PORT"];

const problemSchema = z.object({ title: z.string(), detail: z.string().optional() });

/** A running server as a command asks it. */
export class Remote {
  /** Its origin, without a slash at the end. */
  readonly url: string;
  /** The same as it may be shown: without the user and password that a proxy in front of it may want. */
  readonly shownUrl: string;

  /**
   * @param url as `--url` has it; else AETHERLINK_URL, else this machine's PORT
   * @throws {UsageError | ConfigError}
   */
  constructor(url?: string) {
    const config = readConfig();
    const given = url ?? config.AETHERLINK_URL ?? `http://localhost:${config.PORT}`;
    const parsed = URL.parse(given);
    if (parsed === null || !/^https?:$/.test(parsed.protocol))
      throw new UsageError(
        `--url is the address of a server such as https://crm.example.com, not '${given.slice(0, 80)}'`,
      );
    this.url = trimmed(parsed);
    parsed.username = "";
    parsed.password = "";
    this.shownUrl = trimmed(parsed);
  }

  /**
   * The headers of a request. The token is read each time: the one in a file may be another by now.
   * @throws {ConfigError}
   */
  headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { AETHERLINK_TOKEN: token } = readConfig();
    return { ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }), ...more };
  }

  /** What it means that it answers so: a line for people. */
  async refusal(response: Response): Promise<CommandError> {
    const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
    const why = problem.success ? (problem.data.detail ?? problem.data.title) : response.statusText;
    const hint = response.status === 401 ? "; set AETHERLINK_TOKEN, or AETHERLINK_TOKEN_FILE" : "";
    return new CommandError(`${this.shownUrl} answered ${response.status}: ${why}${hint}`);
  }
}

function trimmed(url: URL): string {
  return url.href.replace(/\/+$/, "");
}

/** Why a request came to nothing, on one line, without the advice that Bun gives programmers. */
export function unreachable({ shownUrl }: Remote, error: unknown): CommandError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known: Record<string, string> = {
    ConnectionRefused: "nobody listens there",
    ECONNREFUSED: "nobody listens there",
    FailedToOpenSocket: "it cannot be reached",
    ConnectionClosed: "it closed the connection",
    ECONNRESET: "it closed the connection",
  };
  const why = known[code] ?? (error instanceof Error ? error.message : String(error));
  return new CommandError(`${shownUrl}: ${why}`, { cause: error });
}

/**
 * A whole number that an option was given.
 * @throws {UsageError}
 */
export function wholeNumber(option: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${option} is a whole number from ${min} to ${max}, not '${text.slice(0, 80)}'`);
}
