import { afterEach, expect, test } from "bun:test";
import pino from "pino";
import { type Behaviour, Receiver } from "../../../test/metrics/receiver.ts";
import { readConfig } from "../../config.ts";
import { openTracing } from "./open.ts";
import type { Tracing } from "./tracing.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const CALLER = `00-${TRACE}-${SPAN}-01`;

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** Tracing to a receiver, as the environment asks for it, and what it logs. */
async function world(env: Record<string, string> = {}, behaviour: Behaviour = "takes") {
  const receiver = new Receiver();
  receiver.behaviour = behaviour;
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line) => void lines.push(line) });
  const config = readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env });
  const tracing = await openTracing(config, logger, "1.2.3");
  stops.push(
    () => receiver.stop(),
    async () => await tracing?.stop(),
  );
  return { receiver, lines, tracing };
}

const now = () => Date.now();
/** A request and a piece of work below it, one after the other. */
function work(tracing: Tracing | undefined, traceparent: string | undefined) {
  const span = tracing?.request(traceparent, now());
  const parent = span?.trace.traceparent ?? "";
  tracing?.record({ kind: "producer", name: "send", parent, startMs: now(), endMs: now(), attributes: { n: 1 } });
  span?.end({ name: "GET /", endMs: now(), attributes: {} });
  return span?.trace;
}

// prom-client brings the API alone.
test("nothing is opened, nor the SDK loaded, without an endpoint or when it is switched off", async () => {
  const logger = pino({ level: "silent" });
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
  expect(await openTracing(readConfig({}), logger, "1.2.3")).toBeUndefined();
  expect(await openTracing(readConfig({ ...endpoint, OTEL_SDK_DISABLED: "true" }), logger, "1.2.3")).toBeUndefined();
  const script = `
    const { App } = await import("./src/app.ts");
    const loaded = Object.keys(require.cache).filter((file) => /@opentelemetry.(sdk|exporter|otlp)/.test(file));
    console.log(typeof App, loaded.length);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  expect(await new Response(child.stdout).text()).toBe("function 0\n");
});

test.each([
  // The caller's trace, one that the caller does not record, and one of nobody.
  ["parentbased_always_on", "1", [true, false, true]],
  ["parentbased_traceidratio", "0", [true, false, false]],
  ["parentbased_always_off", "1", [true, false, false]],
  ["traceidratio", "0", [false, false, false]],
  ["traceidratio", "1", [true, true, true]],
  ["always_on", "1", [true, true, true]],
  ["always_off", "1", [false, false, false]],
])("OTEL_TRACES_SAMPLER=%s with %s decides, and the decision is passed on", async (sampler, arg, expected) => {
  const env = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: arg };
  const { receiver, tracing } = await world(env);
  const traces = [CALLER, CALLER.replace(/01$/, "00"), undefined].map((header) => work(tracing, header));
  await tracing?.stop();
  expect(traces.map((trace) => trace?.traceparent.endsWith("-01"))).toEqual(expected);
  const sent = traces.map(
    (trace) => receiver.spans.filter((span) => trace?.traceparent.includes(span.spanId)).length > 0,
  );
  expect(sent).toEqual(expected);
  // What is below a request that is not recorded is not recorded either, unless everything is.
  expect(receiver.spans.filter(({ kind }) => kind === "producer").length).toBe(expected.filter(Boolean).length);
});

test("a ratio sends about that share of the traces, and a trace whole", async () => {
  const { receiver, tracing } = await world({
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
  });
  for (let i = 0; i < 1_000; i++) work(tracing, undefined);
  await tracing?.stop();
  const traces = Map.groupBy(receiver.spans, ({ traceId }) => traceId);
  expect(traces.size).toBeGreaterThan(150);
  expect(traces.size).toBeLessThan(350);
  expect([...traces.values()].every((spans) => spans.length === 2)).toBe(true);
});

test("work below something that is no traceparent is not recorded", async () => {
  const { receiver, tracing } = await world({ OTEL_TRACES_SAMPLER: "always_on" });
  const endMs = now();
  tracing?.record({ kind: "consumer", name: "process", parent: "00-test", startMs: endMs, endMs, attributes: {} });
  await tracing?.stop();
  expect(receiver.spans).toEqual([]);
});

test("the end sends what is left, and comes but once", async () => {
  const { receiver, tracing } = await world();
  work(tracing, CALLER);
  await Promise.all([tracing?.stop(), tracing?.stop()]);
  expect(
    receiver
      .trace(TRACE)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(["GET /", "send"]);
  // Too late, and no fault.
  work(tracing, CALLER);
});

test.each<[string, Behaviour]>([
  ["hangs", "hangs"],
  ["refuses", 400],
  ["is overloaded", 503],
])(
  "a receiver that %s keeps nobody waiting; what does not fit is dropped, and the log says so once",
  async (_, behaviour) => {
    const { receiver, lines, tracing } = await world({ OTEL_EXPORTER_OTLP_TIMEOUT: "300" }, behaviour);
    const began = performance.now();
    for (let i = 0; i < 10_000; i++) work(tracing, CALLER);
    const took = performance.now() - began;
    await receiver.until(() => receiver.requests.length > 0);
    await tracing?.stop();
    // 20,000 spans at some microseconds each; the receiver's time-out for one batch alone is as long as that.
    expect(took).toBeLessThan(5_000);
    expect(lines.filter((line) => line.includes("spans cannot be sent"))).toHaveLength(1);
    expect(receiver.spans).toEqual([]);
  },
);

test("what may be secret in the endpoint is not in the log", async () => {
  const { lines, tracing } = await world({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://me:hunter2@127.0.0.1:1/v1/traces?key=hunter2",
    OTEL_EXPORTER_OTLP_TIMEOUT: "300",
  });
  work(tracing, CALLER);
  await tracing?.stop();
  expect(lines.join()).toContain('"endpoint":"http://127.0.0.1:1/v1/traces"');
  expect(lines.join()).not.toContain("hunter2");
});

test("a receiver that comes back is sent what happens from then on", async () => {
  const { receiver, lines, tracing } = await world({}, 400);
  work(tracing, CALLER);
  await receiver.until(() => receiver.requests.length > 0);
  receiver.behaviour = "takes";
  work(tracing, CALLER);
  await receiver.until(() => receiver.trace(TRACE).length === 2);
  await tracing?.stop();
  expect(lines.filter((line) => line.includes("spans are sent again"))).toHaveLength(1);
});
