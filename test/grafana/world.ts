import { Prometheus } from "../autoheal/monitoring.ts";
import { testBrokers } from "../support/brokers.ts";
import { makeFolder, removeFolder } from "../support/folder.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import type { SseReader } from "../support/sse.ts";

const TOKEN = "a-token-for-alertmanager";
const TENANT = "12345678-1234-1234-1234-123456789012";
const JSON_BODY = { "Content-Type": "application/json", "X-Tenant-Id": TENANT };

/** A server as its users start it, on Kafka where there is one, and a Prometheus with our rules that scrapes it. */
export class World {
  prometheus: Prometheus | undefined;
  #server: RunningServer | undefined;

  private constructor(
    private readonly folder: string,
    private readonly db: TestDatabase,
    /** What production's times are divided by. */
    private readonly faster: number,
    private readonly topic: string,
  ) {}

  static async start(faster: number): Promise<World> {
    const [folder, db] = await Promise.all([makeFolder(), testDatabase()]);
    const world = new World(folder, db, faster, `grafana-${crypto.randomUUID()}`);
    try {
      await world.startServer("0");
      await world.startPrometheus();
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  get url(): string {
    return this.#server?.url ?? "";
  }

  /** @param port of the server before, which is the same replica to Prometheus; "0": a free one */
  async startServer(port = new URL(this.url).port): Promise<void> {
    const brokers = testBrokers();
    const kafka = brokers === undefined ? {} : { KAFKA_BROKERS: brokers, KAFKA_TOPIC: this.topic };
    const env = {
      DATABASE_URL: this.db.url,
      DATABASE_POOL: "6",
      AUTOHEAL_TOKEN: TOKEN,
      LOG_FORMAT: "json",
      PORT: port,
    };
    this.#server = await new RunningServer({ env: { ...env, ...kafka } }).ready();
  }

  async stopServer(signal: NodeJS.Signals): Promise<void> {
    await this.#server?.stop(signal);
  }

  /** With the data of the one before, if there was one. */
  async startPrometheus(): Promise<void> {
    const replace = {
      '"server-1:9010", "server-2:9010"': `"${new URL(this.url).host}"`,
      // Nobody listens there: alerts are looked at in Prometheus.
      "alertmanager:9093": "127.0.0.1:1",
    };
    this.prometheus = await Prometheus.start(this.folder, { by: this.faster, replace });
  }

  async stopPrometheus(): Promise<void> {
    await this.prometheus?.stop();
    this.prometheus = undefined;
  }

  async stop(): Promise<void> {
    await this.prometheus?.stop();
    if (this.#server?.process.exitCode === null) await this.#server.stop("SIGKILL");
    await this.db.drop();
    removeFolder(this.folder);
  }

  /** Writes, a retry, reads, a mistake, a stream that comes back, and an alert to be decided on: something for every panel. */
  async traffic(): Promise<void> {
    const stream = await this.#stream();
    const key = { "Idempotency-Key": crypto.randomUUID() };
    const created = await this.#call("POST", "/api/crm/jobs", { title: "A job" }, key);
    await this.#call("POST", "/api/crm/jobs", { title: "A job" }, key);
    await this.#call("POST", "/api/crm/accounts", { name: "An account" });
    await this.#call("GET", `/api/crm/jobs/${created.id}`);
    await this.#call("GET", "/api/crm/jobs/no-such-job");
    await this.#call("GET", "/api/crm/jobs?limit=5");
    await this.#call("GET", "/api/ops/outbox");
    await this.#call("GET", "/no/such/route");
    await this.#alert();
    // The job and the account, neither of them twice.
    await stream.until(({ frames }) => frames.length >= 2);
    await stream.close();
    await (await this.#stream({ "Last-Event-ID": stream.lastEventId })).close();
  }

  async #call(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<{ id?: string }> {
    const init = { method, headers: { ...JSON_BODY, ...headers }, ...(body && { body: JSON.stringify(body) }) };
    const response = await fetch(`${this.url}${path}`, init);
    return await response.json();
  }

  /** One that nobody has sent before, so that there is something to decide. */
  async #alert(): Promise<void> {
    const fingerprint = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
    const alert = { status: "firing", labels: { alertname: "OutboxBacklogOld" }, startsAt: new Date(), fingerprint };
    await fetch(`${this.url}/autoheal/alert`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ version: "4", status: "firing", alerts: [alert] }),
    });
  }

  async #stream(headers: Record<string, string> = {}): Promise<SseReader> {
    const server = this.#server;
    if (server === undefined) throw new TypeError("there is no server");
    return await server.stream("", headers);
  }
}
