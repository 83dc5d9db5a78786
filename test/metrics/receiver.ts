/** A receiver of OTLP over HTTP with JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp */

/** A span as it was sent; ids in hex. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer" | "unspecified";
  readonly isError: boolean;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Record<string, string | number>;
  /** Attributes of the service. */
  readonly resource: Record<string, string | number>;
}

interface Pair {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string; readonly doubleValue?: number };
}
interface Payload {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes: readonly Pair[];
        readonly status: { readonly code?: number };
      }[];
    }[];
  }[];
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;

/** How a receiver behaves: as it should, with a status that it answers, or not at all. */
export type Behaviour = "takes" | "hangs" | number;

export class Receiver {
  readonly spans: ReceivedSpan[] = [];
  /** Requests that came, whatever became of them. */
  readonly requests: { readonly path: string; readonly headers: Record<string, string> }[] = [];
  behaviour: Behaviour = "takes";
  readonly #server: Bun.Server<undefined>;
  #change = Promise.withResolvers<void>();

  constructor(port = 0) {
    this.#server = Bun.serve({
      port,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: (request) => this.#answer(request),
    });
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once the condition holds; the test's own time limit ends it. */
  async until(condition: (receiver: Receiver) => boolean): Promise<void> {
    while (!condition(this)) await this.#change.promise;
  }

  /** Spans of one trace, in the order of their beginning. */
  trace(traceId: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId).toSorted((a, b) => a.startMs - b.startMs);
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const payload = (await request.json()) as Payload;
    this.requests.push({ path: new URL(request.url).pathname, headers: Object.fromEntries(request.headers) });
    if (this.behaviour === "takes") this.spans.push(...spansOf(payload));
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
    if (this.behaviour === "hangs") await new Promise(() => {});
    return typeof this.behaviour === "number" ? new Response("no", { status: this.behaviour }) : Response.json({});
  }
}

function spansOf({ resourceSpans }: Payload): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId,
        name: span.name,
        kind: KINDS[span.kind] ?? "unspecified",
        isError: span.status.code === 2,
        startMs: Number(BigInt(span.startTimeUnixNano) / 1_000n) / 1_000,
        endMs: Number(BigInt(span.endTimeUnixNano) / 1_000n) / 1_000,
        attributes: valuesOf(span.attributes),
        resource: valuesOf(resource.attributes),
      })),
    ),
  );
}

function valuesOf(pairs: readonly Pair[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue ?? value.doubleValue)]),
  );
}
