import { dlopen, FFIType } from "bun:ffi";
import type { Bindings, Ptr } from "./bindings.ts";

const { ptr: P, i32: I, u64: U } = FFIType;

const SIGNATURES = {
  pthread_create: { args: [P, P, P, P], returns: I },
  pthread_tryjoin_np: { args: [U, P], returns: I },
  pthread_detach: { args: [U], returns: I },
} as const;

/** Milliseconds between looks whether a thread has ended, and in all before it is left to itself. */
const LOOK_MS = [1, 2, 5, 10, 20];
const PATIENCE_MS = 1_000;

/** What threads are made with; undefined where the system has no pthread_tryjoin_np, which is of glibc and musl. */
export type Threads = ReturnType<typeof dlopen<typeof SIGNATURES>>["symbols"];

/** @param path of librdkafka, which is linked to what has the functions */
export function bindThreads(path: string): Threads | undefined {
  try {
    return process.platform === "linux" ? dlopen(path, SIGNATURES).symbols : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Frees a client whose queues were given back. rd_kafka_destroy waits for answers that are still due: with a broker that
 * went away while an offset was being committed it stood for 43 s, and the whole event loop with it. So it runs on a thread of
 * its own, which needs no JavaScript: the function is handed to pthread_create as it is. Resolves when it has ended, after a
 * second at most; by then it only waits for that answer, and ends by itself.
 */
export async function destroyAside(K: Bindings, threads: Threads | undefined, rk: Ptr | null): Promise<void> {
  // The address of the C function: bun:ffi has it on each symbol, its types do not.
  const destroy: unknown = Reflect.get(K.rd_kafka_destroy, "ptr");
  const id = new BigUint64Array(1);
  if (
    threads === undefined ||
    typeof destroy !== "number" ||
    threads.pthread_create(id, null, BigInt(destroy), rk) !== 0
  ) {
    K.rd_kafka_destroy(rk);
    return;
  }
  const thread = id[0] ?? 0n;
  const until = performance.now() + PATIENCE_MS;
  for (let look = 0; threads.pthread_tryjoin_np(thread, null) !== 0; look++) {
    if (performance.now() > until) {
      threads.pthread_detach(thread);
      return;
    }
    await Bun.sleep(LOOK_MS[look] ?? 20);
  }
}
