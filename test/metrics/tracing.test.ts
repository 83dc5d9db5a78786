/** A trace goes from a request to the stream's frame, and its spans to a receiver, which may be broken in any way. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { testBrokers } from "../kafka/support.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { documented } from "./document.ts";
import { type Behaviour, Receiver } from "./receiver.ts";
import { sampleOf } from "./world.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
const CALLER = "b7ad6b7169203331";
const traceparent = (traceId: string, flags = "01") => `00-${traceId}-${CALLER}-${flags}`;
const newTrace = () => crypto.randomUUID().replaceAll("-", "");

let db: TestDatabase;
const stops: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  db = await testDatabase();
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});
afterAll(() => db.drop());

function receive(): Receiver {
  const receiver = new Receiver();
  stops.push(() => receiver.stop());
  return receiver;
}

async function start(env: Record<string, string>): Promise<RunningServer> {
  const server = new RunningServer({ env: { DATABASE_URL: db.url, LOG_FORMAT: "json", ...env } });
  stops.push(() => server.stop());
  return await server.ready();
}

async function post(server: RunningServer, headers: Record<string, string> = {}, title = "traced") {
  return await fetch(`${server.url}/api/crm/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT, ...headers },
    body: JSON.stringify({ title }),
  });
}

interface FrameShape {
  headers: Record<string, string>;
  value: { eventId: string };
}

describe("without a receiver", () => {
  test("a caller's trace is in the outbox's row and in the stream's frame, with a span of ours and the caller's decision, and in the log", async () => {
    const server = await start({});
    const stream = await server.stream();
    for (const flags of ["01", "00"]) {
      const traceId = newTrace();
      expect((await post(server, { traceparent: traceparent(traceId, flags) })).status).toBe(201);
      const header = new RegExp(`^00-${traceId}-(?!${CALLER})[0-9a-f]{16}-${flags}$`);
      await stream.until(() => stream.frames.some((frame) => JSON.stringify(frame).includes(traceId)));
      const frame = JSON.parse(stream.events.at(-1)?.data ?? "") as FrameShape;
      expect(frame.headers.traceparent).toMatch(header);
      const [row] = await db.sql`select traceparent from outbox_events where event_id = ${frame.value.eventId}`;
      expect(row?.traceparent).toBe(frame.headers.traceparent);
      // A line that came while another was being written waits for the next one: this request brings it.
      await fetch(`${server.url}/healthz/live`);
      await server.until((output) => output.includes(`"traceId":"${traceId}"`));
    }
    // Nothing was loaded, so nothing is sent.
    expect(server.output).not.toMatch(/spans/);
  });

  test("a header that is none is not passed on: a trace begins", async () => {
    const server = await start({});
    const stream = await server.stream();
    await post(server, { traceparent: `00-${"0".repeat(32)}-${CALLER}-01` });
    await stream.until(() => stream.frames.length === 1);
    const frame = JSON.parse(stream.events[0]?.data ?? "") as FrameShape;
    expect(frame.headers.traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });
});

describe("with a receiver", () => {
  test("a write is four spans of one trace: the request's below the caller's, and below it the database's, the relay's and the stream's", async () => {
    const receiver = receive();
    const server = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret,x-team=crm",
      OTEL_SERVICE_NAME: "crm-test",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    });
    const stream = await server.stream();
    const traceId = newTrace();
    const before = Date.now();
    expect((await post(server, { traceparent: traceparent(traceId), "X-Request-Id": "request-7" })).status).toBe(201);
    await stream.until(() => stream.frames.length === 1);
    await receiver.until(() => receiver.trace(traceId).length === 4);

    const spans = Object.fromEntries(receiver.trace(traceId).map((span) => [span.kind, span]));
    const { server: request, client, producer, consumer } = spans;
    expect(request).toMatchObject({
      name: "POST /api/crm/jobs",
      parentSpanId: CALLER,
      isError: false,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/api/crm/jobs",
        "http.response.status_code": 201,
        "url.path": "/api/crm/jobs",
        "aetherlink.tenant.id": TENANT,
        "aetherlink.request.id": "request-7",
      },
      resource: { "service.name": "crm-test", "service.version": "0.1.0", "deployment.environment.name": "test" },
    });
    const parentSpanId = request?.spanId ?? "";
    expect(client).toMatchObject({ name: "write jobs", parentSpanId, attributes: { "db.system.name": "postgresql" } });
    expect(producer).toMatchObject({
      name: "send aetherlink.events",
      parentSpanId,
      attributes: { "aetherlink.event.type": "JobCreated", "messaging.operation.type": "send" },
    });
    expect(consumer).toMatchObject({
      name: "process aetherlink.events",
      parentSpanId,
      attributes: { "aetherlink.fan_out.deliveries": 1, "messaging.operation.type": "process" },
    });
    for (const { startMs, endMs } of receiver.trace(traceId)) {
      expect(startMs).toBeGreaterThanOrEqual(before - 1);
      expect(endMs).toBeGreaterThanOrEqual(startMs);
      expect(endMs).toBeLessThanOrEqual(Date.now() + 1);
    }
    const inside =
      (client?.startMs ?? 0) >= (request?.startMs ?? 0) - 1 && (client?.endMs ?? 0) <= (request?.endMs ?? 0) + 1;
    expect(inside).toBe(true);

    // What goes on is the request's span, so what comes behind the stream can hang itself below it.
    const frame = JSON.parse(stream.events[0]?.data ?? "") as FrameShape;
    expect(frame.headers.traceparent).toBe(`00-${traceId}-${parentSpanId}-01`);
    expect(receiver.requests[0]).toMatchObject({
      path: "/v1/traces",
      headers: { authorization: "Bearer s3cret", "x-team": "crm", "content-type": "application/json" },
    });
    expect(server.output).not.toContain("s3cret");
  });

  test("what the caller does not record is not recorded here, and what nobody called is", async () => {
    const receiver = receive();
    const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    const stream = await server.stream();
    const [off, bare] = [newTrace(), "of nobody"];
    await post(server, { traceparent: traceparent(off, "00") });
    await post(server, {}, bare);
    await stream.until(() => stream.frames.length === 2);
    await receiver.until(() => receiver.spans.filter(({ name }) => name.startsWith("process")).length === 1);
    expect(receiver.trace(off)).toEqual([]);
    const frames = stream.events.map(({ data }) => JSON.parse(data) as FrameShape);
    expect(frames[0]?.headers.traceparent).toMatch(new RegExp(`^00-${off}-[0-9a-f]{16}-00$`));
    expect(frames[1]?.headers.traceparent).toMatch(/-01$/);
    const begun = receiver.spans.find(({ kind, name }) => kind === "server" && name === "POST /api/crm/jobs");
    expect(begun?.parentSpanId || undefined).toBeUndefined();
  });

  test.skipIf(testBrokers() === undefined)(
    "over a real Kafka the trace is in the record's header, and the relay's span says where it lies",
    async () => {
      const receiver = receive();
      const topic = `tracing-${crypto.randomUUID()}`;
      const server = await start({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        KAFKA_BROKERS: testBrokers() ?? "",
        KAFKA_TOPIC: topic,
        KAFKA_GROUP: "tracing-test",
      });
      const stream = await server.stream();
      const traceId = newTrace();
      await post(server, { traceparent: traceparent(traceId) });
      await stream.until(() => stream.events.some(({ data }) => data.includes(traceId)));
      const frame = JSON.parse(stream.events.at(-1)?.data ?? "") as FrameShape & { partition: number; offset: number };
      await receiver.until(() => receiver.trace(traceId).length === 4);
      const producer = receiver.trace(traceId).find(({ kind }) => kind === "producer");
      expect(producer?.attributes).toMatchObject({
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": String(frame.partition),
        "messaging.kafka.offset": frame.offset,
      });
      expect(frame.headers.traceparent).toBe(`00-${traceId}-${producer?.parentSpanId}-01`);
      // The series of Kafka are there, and true of this broker.
      await until("the clients have reported", 15_000, async () => {
        const scrape = await (await fetch(`${server.url}/metrics`)).text();
        return (
          (sampleOf(scrape, "kafka_brokers_up") ?? 0) >= 1 && sampleOf(scrape, "kafka_consumer_lag_messages") === 0
        );
      });
      const scrape = await (await fetch(`${server.url}/metrics`)).text();
      const names = [...scrape.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? "");
      expect(names.toSorted()).toEqual((await documented()).map(({ name }) => name).toSorted());
      expect(sampleOf(scrape, "kafka_producer_queue_messages")).toBe(0);
      const kcat = Bun.spawn(["kcat", "-b", testBrokers() ?? "", "-t", topic, "-C", "-e", "-q", "-f", "%h\n"]);
      expect(await new Response(kcat.stdout).text()).toContain(`traceparent=${frame.headers.traceparent}`);
    },
  );
});

describe("with a receiver that is broken", () => {
  /** The README promises an end within 5 s. */
  const STOP_LIMIT_MS = 5_000;

  test.each<[string, Behaviour | "away"]>([
    ["hangs", "hangs"],
    ["is away", "away"],
  ])("one that %s holds up no request and no stop, and the log says so once", async (_, behaviour) => {
    const receiver = receive();
    if (behaviour === "away") await receiver.stop();
    else receiver.behaviour = behaviour;
    const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_TIMEOUT: "500" });
    // More spans than may wait.
    for (let i = 0; i < 15; i++) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => post(server, {}, `job ${i}/${n}`)));
      expect(answers.every(({ status }) => status === 201)).toBe(true);
    }
    await server.until((output) => output.includes("spans cannot be sent"));
    await post(server);
    const began = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(STOP_LIMIT_MS);
    expect(server.output.match(/spans cannot be sent/g)).toHaveLength(1);
    expect(server.output).not.toMatch(/"level":"(error|fatal)"|a part was not stopped/);
  });
});
