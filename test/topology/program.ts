import { openSync } from "node:fs";
import { join } from "node:path";
import { makeBelow } from "../support/folder.ts";
import { until } from "../support/wait.ts";

/** A program that listens on a port, with a folder of its own; it writes its log there. */
export class Program {
  readonly url: string;
  readonly folder: string;
  readonly #child: Bun.Subprocess;

  private constructor(url: string, folder: string, child: Bun.Subprocess) {
    this.url = url;
    this.folder = folder;
    this.#child = child;
  }

  /**
   * @param user id to run as, where we are root: that of the container
   * @param path that answers 200 once it is ready
   */
  static async start(parent: string, command: string[], port: number, path: string, user?: number): Promise<Program> {
    const folder = await makeBelow(parent, command[0] ?? "program");
    const log = openSync(join(folder, "log"), "a");
    const as =
      user !== undefined && process.getuid?.() === 0
        ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"]
        : [];
    const child = Bun.spawn([...as, ...command], { cwd: folder, stdio: ["ignore", log, log] });
    const program = new Program(`http://127.0.0.1:${port}`, folder, child);
    await until(`${command[0]} is ready`, 30_000, async () => {
      if (child.exitCode !== null) throw new Error(await Bun.file(join(folder, "log")).text());
      return (await fetch(`${program.url}${path}`)).ok;
    }).catch(async (error: unknown) => {
      await program.stop();
      throw error;
    });
    return program;
  }

  /** What its API says, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: the answers of others' programs, looked into by tests
  async get(path: string): Promise<any> {
    return await (await fetch(`${this.url}${path}`)).json();
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}
