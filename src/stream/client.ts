/** What of the stream its client may see, and until when. */
export interface Viewer {
  /** Tenants whose events it is sent; an event of no tenant, as foreign producers write, is only for "all". */
  readonly tenants: ReadonlySet<string> | "all";
  /** When its permission ends; undefined: never. */
  readonly until: Date | undefined;
}

/** Who may see everything. */
export const EVERYTHING: Viewer = { tenants: "all", until: undefined };

/** True when the viewer may see an event of that tenant. */
export function maySee({ tenants }: Viewer, tenantId: string | undefined): boolean {
  return tenants === "all" || (tenantId !== undefined && tenants.has(tenantId));
}

/** One open stream: a queue of bytes with a bound. */
export class Client {
  /** The response body. */
  readonly body: ReadableStream<Uint8Array>;
  /** Aborts when the stream ends, for whatever reason. */
  readonly signal: AbortSignal;
  /**
   * Set while the client has seen more of some partition than this process (it comes from a replica that was ahead):
   * what it has seen is held back until we have passed it.
   */
  ahead: Map<number, number> | undefined;

  readonly #abort = new AbortController();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  /** @param bufferBytes bytes that may wait for the client; one that is further behind is cut off */
  constructor(
    readonly bufferBytes: number,
    readonly viewer: Viewer = EVERYTHING,
  ) {
    this.signal = this.#abort.signal;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#room?.resolve(),
        cancel: () => this.#end(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }),
    );
  }

  /** Queues bytes. A client that is too far behind is cut off; it resumes by its Last-Event-ID. */
  send(bytes: Uint8Array): void {
    const controller = this.#controller;
    if (this.signal.aborted || controller === undefined) return;
    try {
      controller.enqueue(bytes);
    } catch {
      // Gone without a word; one client's end must not keep the others from their events.
      this.#end();
      return;
    }
    if ((controller.desiredSize ?? 0) <= 0) this.close();
  }

  /** Resolves when less than half of the buffer waits for the client, or when the stream has ended. */
  async room(): Promise<void> {
    while (!this.signal.aborted && (this.#controller?.desiredSize ?? 0) < this.bufferBytes / 2) {
      this.#room = Promise.withResolvers<void>();
      await this.#room.promise;
    }
  }

  /** Ends the stream. Safe twice. */
  close(): void {
    if (this.signal.aborted) return;
    this.#end();
    this.#controller?.close();
  }

  #end(): void {
    this.#abort.abort();
    this.#room?.resolve();
  }
}
