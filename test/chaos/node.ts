import { join } from "node:path";
import { z } from "zod";
import { ROOT, RunningServer } from "../support/server.ts";
import { Shim } from "./shim.ts";

const readiness = z.object({ checks: z.object({ relay: z.string() }) });

/** One of the servers: a process that is killed, frozen and started again, on another port each time. */
export class Node {
  readonly shim: Shim;
  /** Last known address; a killed server's refuses connections. */
  url = "";
  #server: RunningServer | undefined;

  constructor(
    readonly name: string,
    private readonly folder: string,
    library: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {
    this.shim = new Shim(library, join(folder, "control"));
  }

  get isRunning(): boolean {
    const process = this.#server?.process;
    return process !== undefined && process.exitCode === null && process.signalCode === null;
  }

  /** Starts it, and resolves when it is ready. */
  async start(): Promise<void> {
    this.#server = new RunningServer({
      command: [process.execPath, join(ROOT, "src", "main.ts"), "serve"],
      cwd: this.folder,
      env: { ...this.env, ...this.shim.env },
    });
    await this.#server.ready();
    this.url = this.#server.url;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    if (this.isRunning) await this.#server?.stop("SIGKILL");
  }

  /** Asks it to end. Its exit code. */
  async terminate(): Promise<number> {
    return (await this.#server?.stop("SIGTERM")) ?? 0;
  }

  freeze(): void {
    this.#server?.process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#server?.process.kill("SIGCONT");
  }

  /** `leading`, `standby`, or another word when it does not answer. */
  async relay(): Promise<string> {
    if (!this.isRunning) return "down";
    try {
      const response = await fetch(`${this.url}/healthz/ready`, { signal: AbortSignal.timeout(1_000) });
      return readiness.parse(await response.json()).checks.relay;
    } catch {
      return "silent";
    }
  }

  /** Ready by its own word: database, relay and stream. */
  async isReady(): Promise<boolean> {
    if (!this.isRunning) return false;
    return (await fetch(`${this.url}/healthz/ready`, { signal: AbortSignal.timeout(2_000) })).ok;
  }

  /** The end of what it printed, for the evidence: without its lines about requests, of which there are thousands. */
  lastWords(lines = 15): string {
    const printed = (this.#server?.output ?? "").trimEnd().split("\n");
    return printed
      .filter((line) => !line.includes('"msg":"request"'))
      .slice(-lines)
      .join("\n");
  }

  async stop(): Promise<void> {
    this.thaw();
    await this.kill();
    this.shim.close();
  }
}
