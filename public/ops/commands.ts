import type { Term } from "../../src/filter/index.ts";
import type { OpsAction } from "./state.ts";

/** What the reader can ask of the page. */
export interface Commands {
  dispatch(action: OpsAction): void;
  /** Adds a term to the filter. */
  addTerm(term: Term): void;
  /**
   * Puts another filter in place, as the one typed is: asked for after a pause.
   * @param isUnfinished its last term may become one of those suggested: it is waited for, for a moment
   */
  setFilter(filter: string, isUnfinished: boolean): void;
  /** Shows what was published from then on; undefined: the newest, live. @param since milliseconds since 1970 */
  jump(since: number | undefined): void;
  /** The next page full of the past. */
  next(): void;
  pause(paused: boolean): void;
  /** Back to the newest rows. */
  scrollUp(): void;
  /** Opens the stream again at once. */
  retry(): void;
  /** The rows as a file of JSON lines. */
  download(): void;
  /** Turns shortcuts of a single letter on or off. */
  setShortcuts(on: boolean): void;
  /** Asks how the outbox does, now. */
  askOutbox(): void;
}

/** For the server, where nobody can ask for anything. */
export const NO_COMMANDS: Commands = {
  dispatch: () => {},
  addTerm: () => {},
  setFilter: () => {},
  jump: () => {},
  next: () => {},
  pause: () => {},
  scrollUp: () => {},
  retry: () => {},
  download: () => {},
  setShortcuts: () => {},
  askOutbox: () => {},
};
