/** A process of the benchmark that answers questions one after the other. */
export class Child<Question, Answer> {
  readonly #process: Bun.Subprocess;
  #answered = Promise.withResolvers<Answer>();

  /** @param file beside this one */
  constructor(file: string, args: string[] = []) {
    this.#process = Bun.spawn([process.execPath, `${import.meta.dir}/${file}`, ...args], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: Answer) => this.#answered.resolve(message),
      onExit: () => this.#answered.reject(new Error(`${file} ended`)),
    });
    this.#answered.promise.catch(() => {});
  }

  /** CPU seconds used so far, own and the system's for it. */
  async cpuSeconds(): Promise<number> {
    const fields = (await Bun.file(`/proc/${this.#process.pid}/stat`).text()).split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
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

/** Answers what the benchmark asks this process. */
export function answer<Question, Answer>(reply: (question: Question) => Promise<Answer>): void {
  process.on("message", async (question: Question) => process.send?.(await reply(question)));
}

/** Milliseconds since 1970 with fractions; the same in every process of the machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
