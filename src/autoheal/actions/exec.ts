import { within } from "../../deadline.ts";

export interface ExecOptions {
  /** Program and arguments; no shell sees them. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** Variables beside PATH; the server's own, with its secrets, are not passed on. */
  readonly env: Readonly<Record<string, string>>;
  /** PATH to find the program by. */
  readonly path: string;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/** How a command ended. */
export interface ExecResult {
  /** Null when it was killed. */
  readonly exitCode: number | null;
  /** Why we killed it: its time was over, or `signal` said so. */
  readonly killed: "late" | "aborted" | undefined;
  /** The beginning of what it wrote, to either output. */
  readonly output: string;
}

/** Bytes of output that are kept. */
const OUTPUT_BYTES = 4_096;
/** Milliseconds between asking the group to end and ending it. */
const GRACE_MS = 500;
/** Milliseconds for the last output of a command that has ended: what it left running may hold the pipe for ever. */
const LAST_OUTPUT_MS = 100;

/**
 * Runs a command in a process group of its own. When its time is over the whole group is ended: SIGTERM, then SIGKILL.
 * What a command that ended by itself has left running is left alone: it may have started a service.
 * @throws {Error} when there is no such program
 */
export async function execCommand({ command, timeoutMs, env, path, signal }: ExecOptions): Promise<ExecResult> {
  const child = Bun.spawn([...command], {
    cwd: "/",
    env: { PATH: path, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A session, and so a group, of its own.
    detached: true,
  });
  const output = new Output();
  const read = Promise.all([output.take(child.stdout), output.take(child.stderr)]);
  const aborted = Promise.withResolvers<"aborted">();
  const abort = () => aborted.resolve("aborted");
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  const ended = await Promise.race([within(timeoutMs, child.exited), aborted.promise]);
  signal?.removeEventListener("abort", abort);
  const killed = typeof ended === "string" ? ended : undefined;
  if (killed !== undefined) {
    killGroup(child.pid, "SIGTERM");
    await within(GRACE_MS, child.exited);
    // Whatever of the group is left, also when its leader went.
    killGroup(child.pid, "SIGKILL");
    await child.exited;
  }
  await within(LAST_OUTPUT_MS, read);
  output.end();
  return { exitCode: killed === undefined ? child.exitCode : null, killed, output: output.text };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // There is none any more.
  }
}

/** The first bytes of two streams, as they come. */
class Output {
  readonly #chunks: Uint8Array[] = [];
  readonly #readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  #bytes = 0;

  get text(): string {
    const bytes = Buffer.concat(this.#chunks).subarray(0, OUTPUT_BYTES);
    // PostgreSQL's text holds no NUL.
    return new TextDecoder().decode(bytes).replaceAll("\0", "\ufffd").trim();
  }

  async take(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    this.#readers.push(reader);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // Read on all the same: a command must not wait for us.
      if (this.#bytes < OUTPUT_BYTES) this.#chunks.push(value);
      this.#bytes += value.byteLength;
    }
  }

  end(): void {
    for (const reader of this.#readers) void reader.cancel().catch(() => {});
  }
}
