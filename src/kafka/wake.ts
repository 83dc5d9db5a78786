import { closeSync } from "node:fs";
import type { Bindings, Ptr } from "./bindings.ts";

const F_SETFD = 2;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = process.platform === "darwin" ? 4 : 0o4000;

/**
 * A pipe through which librdkafka's threads wake JavaScript: a queue that gets its first element since it was last polled
 * writes a byte. A C callback would have to enter JavaScript from a foreign thread. Both ends must be non-blocking: the
 * writer holds the queue's lock. `Bun.file(fd).stream()` is the only reader that works in Bun 1.4.5 (net.Socket and fs streams do not).
 */
export class Wake {
  readonly #K: Bindings;
  readonly #write: number;
  readonly #reading: Promise<void>;

  /** Calls `onWake` for every wake-up; several may come as one. Throws when the process has no file descriptor left. */
  constructor(K: Bindings, onWake: () => void) {
    this.#K = K;
    const ends = new Int32Array(2);
    if (K.pipe(ends) !== 0) throw new Error("pipe() failed: no file descriptor is left");
    const [read = -1, write = -1] = ends;
    for (const end of [read, write]) {
      control(K, end, F_SETFL, O_NONBLOCK);
      control(K, end, F_SETFD, FD_CLOEXEC);
    }
    this.#write = write;
    this.#reading = this.#listen(read, onWake);
  }

  /** From now on `queue` wakes us. What lies in it already does not: poll it once after this. */
  watch(queue: Ptr | null): void {
    this.#K.rd_kafka_queue_io_event_enable(queue, this.#write, new Uint8Array([1]), 1);
  }

  /** No wake-up by `queue` any more; needed before `close`. */
  unwatch(queue: Ptr | null): void {
    this.#K.rd_kafka_queue_io_event_enable(queue, -1, null, 0);
  }

  /** Closes both ends. Resolves when the reader has gone. */
  async close(): Promise<void> {
    closeSync(this.#write);
    await this.#reading;
  }

  async #listen(end: number, onWake: () => void): Promise<void> {
    for await (const _ of Bun.file(end).stream()) onWake();
    closeSync(end); // the stream does not close what it did not open
  }
}

function control(K: Bindings, fd: number, command: number, value: number): void {
  K.fcntl(fd, command, value, value, value, value, value, value, value);
}
