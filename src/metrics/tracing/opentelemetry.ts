import { ROOT_CONTEXT, type SpanContext, SpanKind, SpanStatusCode, type Tracer, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Config } from "../../config.ts";
import type { Logger } from "../logger.ts";
import { parseTraceparent, type TraceParent } from "../trace.ts";
import type { RequestSpan, Tracing, Work } from "./tracing.ts";

export interface OpenTelemetryOptions {
  /** URL that spans are posted to. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds for a batch, tries again included. */
  readonly timeoutMs: number;
  readonly sampler: Config["OTEL_TRACES_SAMPLER"];
  /** From 0 to 1. */
  readonly ratio: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly logger: Logger;
}

/** Milliseconds for which spans are collected before they are sent. */
const COLLECT_MS = 1_000;
/** Spans that wait at most; what comes on top is dropped. Each is some 2 kB. */
const QUEUE_MAX = 4_096;
const KINDS = { client: SpanKind.CLIENT, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER };

/** Spans by OpenTelemetry's own SDK, sent in batches behind the back of the requests. Registers nothing globally. */
export class OpenTelemetryTracing implements Tracing {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #logger: Logger;
  /** What is below a request that is not recorded need not be asked for. */
  readonly #followsParent: boolean;
  #stopped: Promise<void> | undefined;

  constructor(options: OpenTelemetryOptions) {
    const { endpoint, headers, timeoutMs, logger } = options;
    const exporter = new OTLPTraceExporter({ url: endpoint, headers: { ...headers }, timeoutMillis: timeoutMs });
    this.#logger = logger;
    this.#followsParent = options.sampler.startsWith("parentbased_");
    this.#provider = new TracerProvider({
      sampler: samplerOf(options),
      resource: resourceFromAttributes({ ...options.resource }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new ReportingExporter(exporter, endpoint, logger),
          scheduledDelayMillis: COLLECT_MS,
          maxQueueSize: QUEUE_MAX,
          exportTimeoutMillis: timeoutMs,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer("aetherlink");
  }

  request(traceparent: string | undefined, startMs: number): RequestSpan {
    const context = below(parseTraceparent(traceparent));
    const span = this.#tracer.startSpan("request", { kind: SpanKind.SERVER, startTime: startMs }, context);
    const { traceId, spanId, traceFlags } = span.spanContext();
    return {
      trace: { traceId, traceparent: `00-${traceId}-${spanId}-0${traceFlags & 1}` },
      end({ name, endMs, attributes, error }) {
        span.updateName(name);
        span.setAttributes(attributes);
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.end(endMs);
      },
    };
  }

  record({ kind, parent, name, startMs, endMs, attributes, error }: Work): void {
    const above = parseTraceparent(parent);
    if (above === undefined || (this.#followsParent && !above.isSampled)) return;
    const span = this.#tracer.startSpan(name, { kind: KINDS[kind], startTime: startMs, attributes }, below(above));
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(endMs);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#provider.shutdown().catch((error: unknown) => {
      this.#logger.debug({ err: error }, "the last spans could not be sent");
    });
    return this.#stopped;
  }
}

/** The context of somebody's span; the root when there is none. */
function below(parent: TraceParent | undefined) {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled } = parent;
  const context: SpanContext = { traceId, spanId, traceFlags: Number(isSampled), isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, context);
}

function samplerOf({ sampler, ratio }: OpenTelemetryOptions): Sampler {
  const [, parentBased, name] = /^(parentbased_)?(\w+)$/.exec(sampler) ?? [];
  const root = rootSampler(name, ratio);
  return parentBased === undefined ? root : new ParentBasedSampler({ root });
}

function rootSampler(name: string | undefined, ratio: number): Sampler {
  if (name === "always_off") return new AlwaysOffSampler();
  return name === "traceidratio" ? new TraceIdRatioBasedSampler(ratio) : new AlwaysOnSampler();
}

/** Says in the log when spans cannot be sent, and when they can again: once each time, for it is tried every second. */
class ReportingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  /** Without user, password and query, which may be secrets. */
  readonly #endpoint: string;
  readonly #logger: Logger;
  #isFailing = false;

  constructor(exporter: SpanExporter, endpoint: string, logger: Logger) {
    this.#exporter = exporter;
    const { origin, pathname } = new URL(endpoint);
    this.#endpoint = origin + pathname;
    this.#logger = logger;
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.#exporter.export(spans, (result) => {
      const { error } = result;
      const isFailing = error !== undefined;
      const about = { endpoint: this.#endpoint, spans: spans.length, reason: error?.message };
      if (isFailing && !this.#isFailing) this.#logger.warn(about, "spans cannot be sent, they are dropped");
      if (!isFailing && this.#isFailing) this.#logger.info(about, "spans are sent again");
      this.#isFailing = isFailing;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }
}
