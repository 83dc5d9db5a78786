/**
 * Waits that one call ends together, of which nothing stays when they are over. `Promise.race` with a promise that lives as
 * long as the server would keep a reaction on it for every wait that ever was: 5 a second in the soak's server.
 */
export class Pauses {
  readonly #running = new Set<() => void>();
  #hasEnded = false;

  /** Waits for so many milliseconds, or until `orUntil` or the end. @param orUntil a promise of this wait alone */
  async wait(ms: number, orUntil?: Promise<void>): Promise<void> {
    if (this.#hasEnded) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(resolve);
    const timer = setTimeout(resolve, ms);
    orUntil?.then(resolve, resolve);
    await promise;
    clearTimeout(timer);
    this.#running.delete(resolve);
  }

  /** Ends all that wait, and lets nobody wait again. */
  end(): void {
    this.#hasEnded = true;
    for (const resolve of this.#running) resolve();
  }
}
