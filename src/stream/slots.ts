/** A number of places, for which others wait in line. */
export class Slots {
  #free: number;
  readonly #queue: { take(): void }[] = [];

  constructor(readonly count: number) {
    this.#free = count;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Does something in a place of its own, as soon as there is one. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((take) => this.#queue.push({ take }));
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next.take();
    }
  }
}
