/** One question as a process group of its own, of which nothing is left when it ends, by whatever. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bench } from "./bench.ts";
import { processesOf } from "./proc.ts";
import type { Answer, Question } from "./question.ts";

/** Milliseconds that a question told to stop gets to stop its parts. */
const GRACE_MS = 8_000;

export type Outcome = Pick<Answer, "figures" | "usage" | "notes" | "notRun">;

/** A question's process and its folder. */
export class Run {
  /** Where all that it makes is; gone when it was stopped. */
  readonly folder: string;
  readonly #child: Bun.Subprocess;
  readonly #told = Promise.withResolvers<Outcome>();

  private constructor(folder: string, main: string, name: string, isQuick: boolean) {
    this.folder = folder;
    this.#child = Bun.spawn([process.execPath, main, "--question", name, ...(isQuick ? ["quick"] : [])], {
      // Everything below carries the folder in its environment or its command line.
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (outcome: Outcome) => this.#told.resolve(outcome),
      // A terminal's Ctrl-C goes to the benchmark alone, which stops its questions in order.
      detached: true,
    });
  }

  /** @param main the program that answers to `--question <name>` with `answerQuestion` */
  static async start(main: string, name: string, isQuick: boolean): Promise<Run> {
    const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
    // PostgreSQL runs as another user where we are root.
    await chmod(folder, 0o755);
    return new Run(folder, main, name, isQuick);
  }

  /** @param limitMs after it the question is stopped */
  async outcome(limitMs: number): Promise<Outcome> {
    const nothing = (notRun: string): Outcome => ({ notRun, figures: [], usage: [], notes: [] });
    const late = Bun.sleep(limitMs).then(() => nothing(`not at its end after ${limitMs / 60_000} minutes`));
    const ended = this.#child.exited.then((code) => nothing(`ended with code ${code}`));
    try {
      return await Promise.race([this.#told.promise, ended, late]);
    } finally {
      await this.stop();
    }
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await Promise.race([this.#child.exited, Bun.sleep(GRACE_MS)]);
    this.#child.kill("SIGKILL");
    // What is left has lost its parent. PostgreSQL's own signal for ending at once is SIGQUIT.
    for (const signal of ["SIGQUIT", "SIGKILL"] as const) {
      for (const pid of processesOf(this.folder)) signalProcess(pid, signal);
      for (let i = 0; i < 20 && processesOf(this.folder).length > 0; i++) await Bun.sleep(50);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What the question's process does. */
export async function answerQuestion(question: Question, isQuick: boolean): Promise<void> {
  const bench = new Bench(isQuick);
  const stop = async () => {
    await bench.end().catch(() => {});
    process.exit(1);
  };
  process.once("SIGTERM", stop);
  process.once("disconnect", stop);
  let notRun: string | undefined;
  try {
    await question.measure(bench);
  } catch (error) {
    notRun = `failed: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`;
    process.stderr.write(`${Bun.inspect(error)}\n`);
  }
  await bench.end();
  process.send?.({ figures: bench.figures, usage: bench.usage, notes: bench.notes, notRun });
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}
