/** Exit codes of every command, for scripts. */
export const Exit = {
  /** Done. */
  ok: 0,
  /** It could not be done: configuration, database, broker or server. The reason is on standard error. */
  failed: 1,
  /** The command line cannot be followed. The reason is on standard error. */
  usage: 2,
  /** It was done, and the answer is no: something is pending, missing or unwell. The answer is on standard output. */
  no: 3,
} as const;

export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** A command line that cannot be followed; the message is one readable line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command cannot do its work; the message is one readable line. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
