/** A signal that is aborted when a person has told a command to end; `forget` takes the handlers away again. */
export interface Told {
  readonly signal: AbortSignal;
  forget(): void;
}

/** Aborts at the first SIGINT or SIGTERM. A second one ends the process as if nobody listened. */
export function untilTold(): Told {
  const controller = new AbortController();
  const forget = () => {
    process.off("SIGINT", abort);
    process.off("SIGTERM", abort);
  };
  const abort = () => {
    controller.abort();
    forget();
  };
  process.on("SIGINT", abort);
  process.on("SIGTERM", abort);
  return { signal: controller.signal, forget };
}

/** Resolves after `ms` milliseconds, or when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, ms));
  const end = () => resolve();
  signal.addEventListener("abort", end);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
