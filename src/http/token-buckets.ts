/** Tenants that are remembered. Whoever was not heard of for longest is forgotten, and begins with a full bucket again. */
const MAX_BUCKETS = 50_000;

/** What taking tokens came to. */
export interface Taken {
  readonly allowed: boolean;
  /** Whole tokens left. */
  readonly remaining: number;
  /** Seconds until as many are there as were asked for, 0 when they were; and until the bucket is full. */
  readonly nextS: number;
  readonly fullS: number;
}

/**
 * Token buckets, one a tenant: `burst` tokens at most, `rate` new ones a second. In the memory of this process: two replicas
 * allow twice as much. A bucket is two numbers and is made at a tenant's first request; their number is bounded.
 */
export class TokenBuckets {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(
    private readonly rate: number,
    private readonly burst: number,
    private readonly now: () => number,
    private readonly max = MAX_BUCKETS,
  ) {}

  /** How many tenants are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes as many tokens as a request costs, if they are there. One that costs more than the burst is never allowed. */
  take(tenant: string, cost = 1): Taken {
    const now = this.now();
    const known = this.#buckets.get(tenant);
    const tokens =
      known === undefined ? this.burst : Math.min(this.burst, known.tokens + ((now - known.at) / 1000) * this.rate);
    const allowed = tokens >= cost;
    const left = allowed ? tokens - cost : tokens;
    // Taken out and put in again it is the youngest: a Map keeps the order in which its keys came.
    this.#buckets.delete(tenant);
    this.#buckets.set(tenant, { tokens: left, at: now });
    if (this.#buckets.size > this.max) this.#forgetOldest();
    return {
      allowed,
      remaining: Math.floor(left),
      nextS: allowed ? 0 : (cost - left) / this.rate,
      fullS: (this.burst - left) / this.rate,
    };
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
