import type { Config } from "../../config.ts";
import type { Logger } from "../logger.ts";
import type { Tracing } from "./tracing.ts";

/**
 * The tracing that the configuration asks for; undefined for none. The library is loaded here and not by an import, for it is
 * 20 MB of memory and 50 ms of the start that nobody should pay who sends no spans.
 */
export async function openTracing(config: Config, logger: Logger, version: string): Promise<Tracing | undefined> {
  const endpoint = tracesEndpoint(config);
  if (endpoint === undefined || config.OTEL_SDK_DISABLED) return undefined;
  const { OpenTelemetryTracing } = await import("./opentelemetry.ts");
  return new OpenTelemetryTracing({
    endpoint,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    timeoutMs: config.OTEL_EXPORTER_OTLP_TIMEOUT,
    sampler: config.OTEL_TRACES_SAMPLER,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    resource: {
      "service.version": version,
      "service.instance.id": crypto.randomUUID(),
      ...config.OTEL_RESOURCE_ATTRIBUTES,
      "service.name": config.OTEL_SERVICE_NAME,
    },
    logger,
  });
}

/** As the specification has it: https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp */
function tracesEndpoint(config: Config): string | undefined {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole, OTEL_EXPORTER_OTLP_ENDPOINT: base } = config;
  return whole ?? (base === undefined ? undefined : `${base.replace(/\/$/, "")}/v1/traces`);
}
