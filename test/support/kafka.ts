import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Admin } from "@platformatic/kafka";
import type { SeenEvent } from "../chaos/verdict.ts";
import { freePort, makeBelow } from "./folder.ts";
import { ROOT } from "./server.ts";
import { until } from "./wait.ts";

/** Where ../shared/tools/kafka-up keeps the jars that it gets. */
const HOME = process.env.KAFKA_HOME_DIR ?? join(homedir(), ".cache", "kafka-up");
const KAFKA_UP = join(ROOT, "..", "shared", "tools", "kafka-up");
const CLUSTER = "4L6g3nShT-eMCtK--X86sw";
export const TOPIC = "chaos.events";
/** Kafka's default of max.message.bytes. */
const DEFAULT_MAX_BYTES = 1_048_588;

/** The folder with Kafka's jars, or undefined. */
export function findKafka(): string | undefined {
  const versions = existsSync(HOME) ? readdirSync(HOME).toSorted() : [];
  const found = versions.filter((version) => existsSync(join(HOME, version, "libs", ".complete")));
  return found.length === 0 ? undefined : join(HOME, found.at(-1) ?? "", "libs");
}

/** Why a broker cannot be started here, or undefined. */
export function missingForKafka(): string | undefined {
  if (!Bun.which("java")) return "java";
  if (!Bun.which("kcat")) return "kcat";
  if (findKafka() === undefined && !existsSync(KAFKA_UP)) return "the jars of Apache Kafka (tools/kafka-up)";
  return undefined;
}

/** A real Apache Kafka of one node with data of its own, which can be killed, frozen and started again. */
export class Broker {
  readonly address: string;
  readonly version: string;
  readonly #folder: string;
  readonly #libs: string;
  #child: Bun.Subprocess | undefined;

  private constructor(folder: string, libs: string, port: number) {
    this.#folder = folder;
    this.#libs = libs;
    this.address = `127.0.0.1:${port}`;
    this.version = libs.split("/").at(-2) ?? "";
  }

  /** @param settings lines of server.properties beside ours */
  static async start(parent: string, settings: Readonly<Record<string, string | number>> = {}): Promise<Broker> {
    const folder = await makeBelow(parent, "kafka");
    const port = freePort(Number(process.env.CHAOS_KAFKA_PORT ?? 25_511));
    const broker = new Broker(folder, findKafka() ?? (await download(port)), port);
    await Bun.write(join(folder, "server.properties"), properties(port, join(folder, "data"), settings));
    const format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", join(folder, "server.properties")];
    await broker.#java(format).exited;
    await broker.start();
    return broker;
  }

  /** Starts it, and resolves when it answers. */
  async start(): Promise<void> {
    this.#child = this.#java(["kafka.Kafka", join(this.#folder, "server.properties")]);
    await until("Kafka answers", 90_000, async () =>
      (await kcat(this.address, ["-L", "-m", "2"])).includes(this.address),
    );
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Kills it, whoever started it. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
    const stranger = Number(await this.#pidFile.text().catch(() => ""));
    if (stranger > 0) await killForeign(stranger);
  }

  /** A command that starts it again and ends at once, for who is to heal it; each run leaves its time. */
  async startCommand(): Promise<string[]> {
    const script = join(this.#folder, "start.sh");
    const command = ["java", ...this.#arguments, "kafka.Kafka", join(this.#folder, "server.properties")];
    const lines = [
      'cd "$(dirname "$0")"',
      "date +%s%3N >> starts",
      'setsid "$@" >> kafka.log 2>&1 < /dev/null &',
      "echo $! > kafka.pid",
    ];
    await Bun.write(script, lines.join("\n"));
    return ["/bin/sh", script, ...command];
  }

  /** When that command was run, in milliseconds since 1970. */
  async starts(): Promise<number[]> {
    const file = Bun.file(join(this.#folder, "starts"));
    return (await file.exists()) ? (await file.text()).trim().split("\n").map(Number) : [];
  }

  get #pidFile() {
    return Bun.file(join(this.#folder, "kafka.pid"));
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Largest batch that the topic takes, in bytes; without a number, as large as by default. */
  async limitMessages(bytes = DEFAULT_MAX_BYTES): Promise<void> {
    const admin = new Admin({ clientId: "chaos", bootstrapBrokers: [this.address] });
    try {
      const configs = [{ name: "max.message.bytes", value: String(bytes), configOperation: 0 as const }];
      await admin.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: TOPIC, configs }] });
    } finally {
      await admin.close();
    }
  }

  /** The whole topic, each partition to its end and in its order, read by kcat and not by our own client. */
  async read(): Promise<SeenEvent[]> {
    let text = "";
    await until("kcat reads the topic", 60_000, async () => {
      text = await kcat(this.address, ["-C", "-t", TOPIC, "-o", "beginning", "-e", "-q", "-f", "%p %s\\n"]);
      return true;
    });
    return text.split("\n").flatMap((line) => {
      const space = line.indexOf(" ");
      return space < 0 ? [] : [{ ...eventOf(line.slice(space + 1)), partition: Number(line.slice(0, space)) }];
    });
  }

  async stop(): Promise<void> {
    await this.kill();
  }

  /** Little memory and a quick start: this broker carries a few hundred events a second. */
  get #arguments(): string[] {
    return ["-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", `${this.#libs}/*`];
  }

  #java(args: string[]): Bun.Subprocess {
    const log = openSync(join(this.#folder, "kafka.log"), "a");
    const child = Bun.spawn(["java", ...this.#arguments, ...args], {
      cwd: this.#folder,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    return child;
  }
}

/** Kills a process that is no child of ours, and waits until it is gone. */
async function killForeign(pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
  await until(`process ${pid} is gone`, 10_000, () => {
    try {
      return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return true;
    }
  });
}

/** The event in a record's or a frame's JSON. */
export function eventOf(json: string): SeenEvent {
  const { eventId, tenantId, aggregateId, version, eventType } = JSON.parse(json);
  return { eventId, tenantId, aggregateId, version, type: eventType };
}

async function kcat(address: string, args: string[]): Promise<string> {
  const child = Bun.spawn(["timeout", "50", "kcat", "-b", address, ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, why, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`kcat: ${why}`);
  return out;
}

/** Gets the jars by the tool that every checkout of ours stands beside. */
async function download(port: number): Promise<string> {
  await Bun.spawn([KAFKA_UP, String(port)], { stdout: "ignore", stderr: "inherit" }).exited;
  await Bun.spawn([KAFKA_UP, "stop", String(port)]).exited;
  const libs = findKafka();
  if (libs === undefined) throw new Error("kafka-up got no jars of Kafka");
  return libs;
}

function properties(port: number, data: string, settings: Readonly<Record<string, string | number>>): string {
  const more = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${port + 1}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
${more.join("")}`;
}
