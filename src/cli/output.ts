import { getSystemErrorMessage } from "node:util";
import { Exit } from "./exit.ts";

/** Standard output of this process: whoever reads it may leave, and what it goes to may be full. */
export class Output {
  /** Told each time that something could not be written; by default that ends the process. */
  onRefused: (error: Error) => void = end;
  #last: Promise<void> = Promise.resolve();

  constructor() {
    // Each write learns of its own error. Without a listener it would be an uncaught one as well.
    process.stdout.on("error", () => {});
    // Nobody is left to be told.
    process.stderr.on("error", () => {});
  }

  write(text: string): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    process.stdout.write(text, (error) => {
      // Not from the stream's event: that comes after this, when the process may have ended with 0.
      if (error) this.onRefused(error);
      resolve();
    });
  }

  /** Resolves once there is room for more. */
  async drained(): Promise<void> {
    if (process.stdout.writableNeedDrain)
      await new Promise<void>((resolve) => process.stdout.once("drain", () => resolve()));
  }

  /** Resolves once all has been taken, or refused. An empty write does not tell: in Bun 1.4.5 it overtakes the others. */
  async written(): Promise<void> {
    await this.#last;
  }
}

/** Why standard output could not be written, as a line without its end. */
export function refusal(error: Error): string {
  const number = "errno" in error && typeof error.errno === "number" ? error.errno : undefined;
  return `standard output cannot be written: ${number === undefined ? error.message : getSystemErrorMessage(number)}`;
}

/** `aetherlink events tail | head`: whoever read has seen enough, which is no failure. All else is one. */
function end(error: Error): never {
  if ("code" in error && error.code === "EPIPE") process.exit(Exit.ok);
  process.stderr.write(`${refusal(error)}\n`);
  process.exit(Exit.failed);
}
