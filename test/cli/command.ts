import { join } from "node:path";
import { ROOT } from "../support/server.ts";

const ENTRY = join(ROOT, "src", "main.ts");

/** A command of ours that goes on, as a process of its own. */
export class RunningCommand {
  /** All that it wrote so far. */
  out = "";
  err = "";
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #drained: Promise<unknown>;
  #change = Promise.withResolvers<void>();

  /** @param env all that stands in its environment beside PATH and HOME */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.process = Bun.spawn([process.execPath, ENTRY, ...args], {
      env: environment(env),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#drained = Promise.all([
      this.#collect(this.process.stdout, (text) => {
        this.out += text;
      }),
      this.#collect(this.process.stderr, (text) => {
        this.err += text;
      }),
    ]);
  }

  /** Lines of standard output that are whole. */
  get lines(): string[] {
    return this.out.split("\n").slice(0, -1);
  }

  /** Resolves when the condition holds; rejects when the process ends before. */
  async until(condition: (command: this) => boolean): Promise<void> {
    while (!condition(this)) {
      const ended = await Promise.race([this.#change.promise, this.#drained.then(() => "ended" as const)]);
      if (ended === "ended" && !condition(this)) throw new Error(`it ended:\n${this.out}${this.err}`);
    }
  }

  /** Resolves with the exit code, when it has ended and all that it wrote is here. */
  async ended(): Promise<number> {
    await this.#drained;
    return await this.process.exited;
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number> {
    this.process.kill(signal);
    return await this.ended();
  }

  async #collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      take(decoder.decode(chunk, { stream: true }));
      this.#change.resolve();
      this.#change = Promise.withResolvers<void>();
    }
  }
}

export interface ShellOptions {
  readonly cwd?: string;
  /** The line goes on by itself: Ctrl-C once its output satisfies this. */
  readonly until?: RegExp;
}

/** Runs a line of a shell in which `aetherlink` is our command line; what it printed, both streams apart. */
export async function runShell(
  line: string,
  env: Readonly<Record<string, string>> = {},
  { cwd, until }: ShellOptions = {},
) {
  const script = `aetherlink() { '${process.execPath}' '${ENTRY}' "$@"; }\n${line}`;
  const child = Bun.spawn(["bash", "-c", script], {
    env: environment(env),
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // A group of its own, which a terminal's Ctrl-C would reach as a whole.
    detached: true,
  });
  const err = new Response(child.stderr).text();
  const decoder = new TextDecoder();
  let out = "";
  let isTold = until === undefined;
  for await (const chunk of child.stdout) {
    out += decoder.decode(chunk, { stream: true });
    if (isTold || until?.test(out) !== true) continue;
    isTold = true;
    process.kill(-child.pid, "SIGINT");
  }
  return { code: await child.exited, out, err: await err };
}

function environment(env: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { PATH: process.env.PATH, HOME: process.env.HOME, ...env };
}
