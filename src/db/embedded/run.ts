import type { Account } from "./account.ts";

/** What a program said and how it ended; code 127 when it could not be started at all. */
export interface RunResult {
  readonly code: number;
  /** Standard output, then standard error. */
  readonly output: string;
}

/**
 * Environment of every program started here: nothing of ours gets through, since PGDATA, PGPORT, PGOPTIONS and the like
 * would change what PostgreSQL does. Its messages stay English, as we read them.
 */
export const CHILD_ENV = { LC_ALL: "C", PATH: "/usr/local/bin:/usr/bin:/bin" } as const;

/**
 * Runs a program to its end. Never throws.
 * @param account user to run it as, which only root can choose; default our own
 * @param input text for its standard input; default none
 */
export async function run(command: string[], account?: Account, input?: string): Promise<RunResult> {
  try {
    const child = Bun.spawn(command, {
      // Our own working folder may be one that the account cannot enter.
      cwd: "/",
      env: CHILD_ENV,
      stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
      stdout: "pipe",
      stderr: "pipe",
      ...identity(account),
    });
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
    return { code, output: out + err };
  } catch (error) {
    return { code: 127, output: error instanceof Error ? error.message : String(error) };
  }
}

/** Options of Bun.spawn that start a child as `account`. Bun 1.4.5 drops the supplementary groups as well. */
export function identity(account: Account | undefined): { uid: number; gid: number } | undefined {
  return account && { uid: account.uid, gid: account.gid };
}

function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}
