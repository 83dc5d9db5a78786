import type { Account } from "../../src/db/embedded/account.ts";
import { identity } from "../../src/db/embedded/run.ts";

/** Milliseconds after which a command that says nothing more is given up. */
const PATIENCE_MS = 30_000;

export interface ShellOptions {
  readonly cwd?: string;
  /** A folder whose programs go before all others. */
  readonly path?: string | undefined;
  /** User to run as, which only root can choose; default our own. */
  readonly as?: Account | undefined;
}

/** A bash that is given one block after another, as a person pastes them: variables stay. */
export class Shell {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  #output = "";
  #change = Promise.withResolvers<void>();
  #blocks = 0;
  readonly #drained: Promise<void>;

  constructor({ cwd, path, as }: ShellOptions = {}) {
    this.#process = Bun.spawn(["bash", "--noprofile", "--norc"], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      env: { PATH: [path, process.env.PATH].filter(Boolean).join(":"), LANG: "C.UTF-8" },
      ...(cwd === undefined ? {} : { cwd }),
      ...identity(as),
    });
    this.#drained = this.#collect();
  }

  /** Runs a block to its end; resolves with what it printed. */
  async run(code: string): Promise<string> {
    const mark = `--- end of block ${++this.#blocks} ---`;
    this.#output = "";
    this.#write(`${code}\nprintf '%s\\n' '${mark}'\n`);
    await this.#until(() => this.#output.endsWith(`${mark}\n`));
    return this.#output.slice(0, -mark.length - 1);
  }

  /**
   * Runs a block that does not end by itself, until its output is without fault.
   * @returns undefined, or the fault that was left when nothing new came for long
   */
  async follow(code: string, fault: (output: string) => string | undefined): Promise<string | undefined> {
    this.#output = "";
    // A job of its own, so that all of its processes can be ended.
    this.#write(`set -m; (\n${code}\n) & set +m\n`);
    const found = await this.#until(() => fault(this.#output) === undefined).catch(() => fault(this.#output));
    await this.run("kill -- -$! 2> /dev/null; wait $! 2> /dev/null");
    return found ?? undefined;
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.#process.stdin.end();
    await this.#process.exited;
    await this.#drained;
  }

  #write(text: string): void {
    this.#process.stdin.write(text);
    this.#process.stdin.flush();
  }

  async #until(condition: () => boolean): Promise<undefined> {
    while (!condition()) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => late.reject(new Error(`nothing came after\n${this.#output}`)), PATIENCE_MS);
      await Promise.race([this.#change.promise, late.promise]).finally(() => clearTimeout(timer));
    }
    return undefined;
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#process.stdout) {
      this.#output += decoder.decode(chunk, { stream: true });
      this.#change.resolve();
      this.#change = Promise.withResolvers<void>();
    }
  }
}
