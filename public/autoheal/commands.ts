import type { AutohealAction } from "./state.ts";

/** What the page asks of the script; the server renders it with commands that do nothing. */
export interface Commands {
  dispatch(action: AutohealAction): void;
  /** Opens the stream now. */
  retry(): void;
  /** Acknowledges a cause. @returns what went wrong, in words; undefined when nothing did */
  acknowledge(ack: { cause: string; note: string; minutes: number }): Promise<string | undefined>;
}

/** For where nothing runs. */
export const NO_COMMANDS: Commands = {
  dispatch() {},
  retry() {},
  acknowledge: async () => undefined,
};
