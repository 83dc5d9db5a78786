import { z } from "zod";

/** Variables of OpenTelemetry's own names and meanings: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */

const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
/** The longest that a batch of spans may take. */
const MAX_TIMEOUT_MS = 120_000;

const url = () => z.string().refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), "must be an http URL");

/** What of the environment is for tracing; part of the schema in `src/config.ts`. */
export const tracingFields = {
  OTEL_EXPORTER_OTLP_ENDPOINT: url()
    .optional()
    .describe(
      "Where spans are sent, by OTLP over HTTP with JSON, such as http://collector:4318; /v1/traces is added. Unset: nowhere, and nothing of it is loaded.",
    ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url().optional().describe("The same as a whole URL, which goes before it."),
  OTEL_EXPORTER_OTLP_HEADERS: pairs("must be name=value, or several separated by commas")
    .meta({ secret: true })
    .describe("Headers sent along, such as authorization=Bearer%20…; values are percent-encoded."),
  OTEL_EXPORTER_OTLP_TIMEOUT: z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from 1 to ${MAX_TIMEOUT_MS}`)
    .transform(Number)
    .refine((ms) => ms >= 1 && ms <= MAX_TIMEOUT_MS, `must be a whole number from 1 to ${MAX_TIMEOUT_MS}`)
    .default(10_000)
    .describe("Milliseconds in which a batch of spans has to be taken, tries again included; else it is dropped."),
  OTEL_SERVICE_NAME: z.string().min(1).default("aetherlink").describe("What the spans' service is called."),
  OTEL_RESOURCE_ATTRIBUTES: pairs("must be key=value, or several separated by commas").describe(
    "What else is said of the service, such as deployment.environment.name=production.",
  ),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS, { error: `must be one of ${SAMPLERS.join(", ")}` })
    .default("parentbased_always_on")
    .describe(
      "Which traces are sent. parentbased_…: those that the caller's traceparent marks as sampled, and of those without a caller what the rest says.",
    ),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, "must be a number from 0 to 1")
    .transform(Number)
    .default(1)
    .describe("The share of traces that a sampler with traceidratio sends, from 0 to 1."),
  OTEL_SDK_DISABLED: z
    .enum(["true", "false"], { error: "must be one of true, false" })
    .default("false")
    .transform((value) => value === "true")
    .describe("true: no spans, whatever else is set."),
} as const;

/** `a=1,b=2` with percent-encoded values, as of W3C Baggage: https://www.w3.org/TR/baggage/#definition */
function pairs(rule: string) {
  return z
    .string()
    .transform((text, context): Record<string, string> => {
      const entries = text.split(",").map((pair) => /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair));
      try {
        return Object.fromEntries(entries.map((match) => [match?.[1] ?? fail(), decodeURIComponent(match?.[2] ?? "")]));
      } catch {
        context.addIssue({ code: "custom", message: rule });
        return {};
      }
    })
    .default({});
}

function fail(): never {
  throw new SyntaxError();
}
