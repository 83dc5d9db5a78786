import { join } from "node:path";
import { SseReader } from "./sse.ts";

/** Root of the checkout. */
export const ROOT = join(import.meta.dir, "..", "..");

export interface StartOptions {
  /** Environment variables beside those of this process. */
  readonly env?: Record<string, string>;
  /** Command line; default is the server itself, `bun src/main.ts serve`. */
  readonly command?: string[];
  readonly cwd?: string;
}

/** A server that runs as its users start it: a process of its own. */
export class RunningServer {
  /** All that it printed so far. */
  output = "";
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #drained: Promise<unknown>;
  #change = Promise.withResolvers<void>();

  constructor(options: StartOptions = {}) {
    this.process = Bun.spawn(options.command ?? [process.execPath, "src/main.ts", "serve"], {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, PORT: "0", DATABASE_URL: "", ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      // A session of its own, so that a test can signal the whole group as a terminal does.
      detached: true,
    });
    this.#drained = Promise.all([this.#collect(this.process.stdout), this.#collect(this.process.stderr)]);
  }

  /** Where it listens, once it is ready. */
  get url(): string {
    const urls = [...this.output.matchAll(/"url":"([^"]+)"[^\n]*"msg":"ready"/g)];
    return urls.at(-1)?.[1] ?? "";
  }

  /** Resolves when the output satisfies the condition; rejects when the process ends before. */
  async until(condition: (output: string) => boolean): Promise<void> {
    while (!condition(this.output)) {
      const ended = await Promise.race([this.#change.promise, this.#drained.then(() => "ended" as const)]);
      if (ended === "ended" && !condition(this.output)) throw new Error(`the server ended:\n${this.output}`);
    }
  }

  /** Resolves when the server is ready. */
  async ready(): Promise<this> {
    await this.until(() => this.url !== "");
    return this;
  }

  /** Sends a signal, waits for the end of the process and of all it printed; returns its exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    this.process.kill(signal);
    const code = await this.process.exited;
    await this.#drained;
    return code;
  }

  /** Waits for a process that ends by itself; returns its exit code. */
  async exited(): Promise<number> {
    await this.#drained;
    return await this.process.exited;
  }

  /** Opens the event stream. */
  async stream(query = "", headers: Record<string, string> = {}): Promise<SseReader> {
    const response = await fetch(`${this.url}/crm-events${query}`, { headers });
    if (response.status !== 200 || response.body === null) throw new Error(`the stream answered ${response.status}`);
    return new SseReader(response.body);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.output += decoder.decode(chunk, { stream: true });
      this.#change.resolve();
      this.#change = Promise.withResolvers<void>();
    }
  }
}

/** Processes whose command line contains the text: what a stop must not leave behind. */
export async function processesWith(text: string): Promise<number[]> {
  const listing = await new Response(Bun.spawn(["ps", "-eo", "pid=,args="], { stdout: "pipe" }).stdout).text();
  return listing
    .split("\n")
    .filter((line) => line.includes(text) && line.includes("postgres"))
    .map((line) => Number.parseInt(line, 10));
}

/** Hertz of the ticks in /proc: USER_HZ, which is 100 on every Linux that Bun runs on. */
const TICKS = 100;

/** Milliseconds that a process has had a processor for, on any of them: what it needs, however busy the machine is. */
export async function processorMs(pid: number): Promise<number> {
  const stat = await Bun.file(`/proc/${pid}/stat`).text();
  // Behind the name, which may have blanks and brackets in it: utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS;
}
