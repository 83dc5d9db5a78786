import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

const SOURCE = join(import.meta.dir, "shim.c");

/**
 * Compiles shim.c into the folder.
 * @returns path of the shared library, for LD_PRELOAD
 */
export async function compileShim(folder: string): Promise<string> {
  const library = join(folder, "shim.so");
  const cc = Bun.spawn(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], { stderr: "pipe" });
  const [why, code] = await Promise.all([new Response(cc.stderr).text(), cc.exited]);
  if (code !== 0) throw new Error(`the shim of the chaos suite could not be compiled:\n${why}`);
  return library;
}

/** The clock and the disk of processes that were started with `env`; they see a change at once. */
export class Shim {
  readonly env: Readonly<Record<string, string>>;
  readonly #fd: number;
  readonly #state = new BigInt64Array(2);

  /**
   * @param library from compileShim
   * @param path of the control file, which is made
   * @param disk folder whose files can be on a full disk
   */
  constructor(library: string, path: string, disk = "") {
    this.#fd = openSync(path, "w", 0o644);
    this.env = { LD_PRELOAD: library, CHAOS_CONTROL: path, CHAOS_DISK: disk };
    this.#write();
  }

  /** Sets the wall clock apart from the real one by this many seconds. */
  setClock(seconds: number): void {
    this.#state[0] = BigInt(seconds);
    this.#write();
  }

  /** From now on nothing that makes a file larger succeeds, or it does again. */
  setFull(isFull: boolean): void {
    this.#state[1] = isFull ? 1n : 0n;
    this.#write();
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(): void {
    writeSync(this.#fd, new Uint8Array(this.#state.buffer), 0, 16, 0);
  }
}
