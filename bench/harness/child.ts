/** A process of the benchmark that answers questions one after the other. */
export class Child<Question, Answer> {
  readonly #process: Bun.Subprocess;
  #answered = Promise.withResolvers<Answer>();

  /** @param file its program, as an absolute path */
  constructor(file: string, args: string[] = [], env: Record<string, string> = {}) {
    this.#process = Bun.spawn([process.execPath, file, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: Answer) => this.#answered.resolve(message),
      onExit: () => this.#answered.reject(new Error(`${file} ended`)),
    });
    this.#answered.promise.catch(() => {});
  }

  get pid(): number {
    return this.#process.pid;
  }

  ask(question: Question): Promise<Answer> {
    this.#answered = Promise.withResolvers<Answer>();
    this.#process.send(question);
    return this.#answered.promise;
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }
}

/** Answers what the benchmark asks this process; ends with the benchmark. */
export function answer<Question, Answer>(reply: (question: Question) => Promise<Answer>): void {
  process.on("message", async (question: Question) => process.send?.(await reply(question)));
  process.on("disconnect", () => process.exit());
}

/** Milliseconds since 1970 with fractions; the same in every process of the machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Runs a program of the benchmark to its end; what it printed last is JSON. @throws when it fails */
export async function runOnce<Answer>(
  file: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Answer> {
  const child = Bun.spawn([process.execPath, file, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${file} ended with code ${child.exitCode}`);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as Answer;
}
