/** Writes at a steady rate, whatever the answers take: who waits for them would be kinder than people are. */
export class Writers {
  /** What was not answered 201, in words. */
  readonly failures: string[] = [];
  /** Milliseconds of each answer. */
  readonly latencies: number[] = [];
  readonly #url: string;
  readonly #rate: number;
  readonly #pending = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #sent = 0;

  /** @param rate writes a second */
  constructor(url: string, rate: number) {
    this.#url = url;
    this.#rate = rate;
  }

  start(): void {
    const began = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) / 1_000) * this.#rate);
      while (this.#sent < due) this.#send();
    }, 5);
  }

  get sent(): number {
    return this.#sent;
  }

  /** Sends no more, and resolves when all are answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
  }

  #send(): void {
    const n = this.#sent++;
    const answered = this.#post(n).finally(() => this.#pending.delete(answered));
    this.#pending.add(answered);
  }

  /** Without an Idempotency-Key: nobody on the way may send it a second time. */
  async #post(n: number): Promise<void> {
    const began = performance.now();
    try {
      const response = await fetch(`${this.#url}/api/crm/jobs`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Tenant-Id": "12345678-1234-1234-1234-123456789012" },
        body: `{"title":"Job ${n}"}`,
      });
      const text = await response.text();
      if (response.status !== 201) this.failures.push(`${response.status} ${text.slice(0, 200)}`);
    } catch (error) {
      this.failures.push(String(error));
    }
    this.latencies.push(performance.now() - began);
  }
}
