/** What a coalescer needs from outside. */
export interface CoalescerOptions<Item, Result> {
  /** Does the work for some items with one call of the database: as many results, in the items' order. */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** True for an error after which nothing was done for any of the items: then each is tried alone. */
  readonly isUndone: (error: unknown) => boolean;
  /** Calls under way from which on items wait for each other. */
  readonly underWay: number;
  /** Items of one call at most. */
  readonly items: number;
}

/** Milliseconds that an item waits for calls under way at most: one that is stuck must not hold up others. */
const WAIT_MS = 5;

interface Waiting<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Lets what is asked at the same time share one call of the database: one message, one transaction, one wait for the disk.
 * Nothing waits while few calls are under way, so that a quiet server answers as fast as without; the busier it is, the more
 * there is in a call. A call that fails because of one item is made again for each alone.
 * Sources: group commit (DeWitt et al. 1984, section 2.2), https://github.com/graphql/dataloader.
 */
export class Coalescer<Item, Result> {
  readonly #options: CoalescerOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #underWay = 0;
  #isScheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CoalescerOptions<Item, Result>) {
    this.#options = options;
  }

  /** Has the work done for an item. Rejects with what it alone is to blame for, or with what befell the whole call. */
  add(item: Item): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ item, resolve, reject });
    if (this.#underWay < this.#options.underWay) this.#schedule();
    else this.#timer ??= setTimeout(() => this.#flush(), WAIT_MS);
    return promise;
  }

  /** At the end of this turn of the event loop: all that came in with it goes together. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waiting.length > 0) void this.#call(this.#waiting.splice(0, this.#options.items));
  }

  async #call(batch: Waiting<Item, Result>[]): Promise<void> {
    this.#underWay++;
    try {
      await this.#run(batch);
    } finally {
      this.#underWay--;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }

  async #run(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error(`${results.length} results for ${batch.length} items`);
      for (const [i, result] of results.entries()) batch[i]?.resolve(result);
    } catch (error) {
      if (batch.length > 1 && this.#options.isUndone(error)) {
        await Promise.all(batch.map((one) => this.#run([one])));
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}
