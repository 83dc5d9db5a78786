/** What SIGTERM does to one of two replicas, seen from outside, in the order in which it has to happen. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { testBrokers } from "../support/brokers.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import type { SseReader } from "../support/sse.ts";
import { until } from "../support/wait.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
const STREAMS = 20;

/** A connection on which a test writes HTTP by hand, so that it can stop in the middle. */
class RawConnection {
  received = "";
  readonly #socket: Promise<Socket>;

  constructor(url: string) {
    const take = (bytes: Uint8Array) => {
      this.received += new TextDecoder().decode(bytes);
    };
    this.#socket = Bun.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(url).port),
      socket: { data: (_, bytes) => take(bytes), error() {} },
    });
  }

  async write(text: string): Promise<void> {
    (await this.#socket).write(text);
  }

  async close(): Promise<void> {
    (await this.#socket).end();
  }
}

async function isRefused(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/healthz/live`, { keepalive: false, signal: AbortSignal.timeout(1_000) });
    return false;
  } catch {
    return true;
  }
}

async function isLeading({ url }: RunningServer): Promise<boolean> {
  return (await (await fetch(`${url}/healthz/ready`)).json()).checks.relay === "leading";
}

describe.skipIf(testBrokers() === undefined)("a replica that is told to stop", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db.drop());

  test("is not ready, takes no new connection, finishes the request under way, hands over the lead, sends its streams away spread out, and ends with 0", async () => {
    const env = {
      DATABASE_URL: db.url,
      KAFKA_BROKERS: testBrokers() ?? "",
      KAFKA_TOPIC: `shutdown-${crypto.randomUUID()}`,
      LOG_FORMAT: "json",
      SHUTDOWN_TIMEOUT_MS: "15000",
    };
    const leaving = await new RunningServer({ env }).ready();
    await until("the first leads", 10_000, () => isLeading(leaving));
    const staying = await new RunningServer({ env }).ready();
    try {
      const streams: SseReader[] = await Promise.all(Array.from({ length: STREAMS }, () => leaving.stream()));
      const kept = await staying.stream();
      const body = '{"title":"under way"}';
      const slow = new RawConnection(leaving.url);
      await slow.write(
        `POST /api/crm/jobs HTTP/1.1\r\nHost: localhost\r\nX-Tenant-Id: ${TENANT}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 9)}`,
      );
      const probe = new RawConnection(leaving.url);
      const ask = "GET /healthz/ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
      await probe.write(ask);
      await until("it says that it is ready", 5_000, () => probe.received.startsWith("HTTP/1.1 200 "));
      probe.received = "";

      leaving.process.kill("SIGTERM");
      await until("new connections are refused", 5_000, () => isRefused(leaving.url));
      // On the connection that a balancer has kept it answers, and says so.
      await probe.write(ask);
      await until("it says that it is not ready", 5_000, () => probe.received.startsWith("HTTP/1.1 503 "));
      expect(probe.received).toContain('"server":"stopping"');
      // The request that is under way keeps the lead, and the streams, where they are.
      expect(streams.some(({ ended }) => ended)).toBe(false);
      expect(await isLeading(staying)).toBe(false);

      await slow.write(body.slice(9));
      await until("the request under way is answered", 5_000, () => slow.received.startsWith("HTTP/1.1 201 "));
      await Promise.all(streams.map((stream) => stream.end()));
      // Each was told to come back at another moment, so that the other one is not run down.
      const pauses = streams.map(({ retryMs }) => retryMs ?? -1);
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(0);
      expect(new Set(pauses).size).toBeGreaterThan(STREAMS / 2);
      expect(await leaving.exited()).toBe(0);
      await until("the other leads", 10_000, () => isLeading(staying));
      // What was committed last is published by one of the two.
      await kept.until(({ frames }) =>
        frames.some(({ value }) => (value.data as { title?: string } | undefined)?.title === "under way"),
      );
      await kept.close();
      await Promise.all([slow.close(), probe.close()]);
    } finally {
      leaving.process.kill("SIGKILL");
      await staying.stop();
    }
  }, 40_000);
});
