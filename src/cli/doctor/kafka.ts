import type { Config } from "../../config.ts";
import { within } from "../../deadline.ts";
import { type Admin, describeLibrary, Kafka, type Library, type PartitionMetadata } from "../../kafka/index.ts";
import { configuredLibrary, kafkaProperties } from "../../log/open.ts";
import type { Packed } from "../../packed.ts";
import { isUnknownTopic, reasonOf } from "../broker.ts";
import { counted, type Finding, failed, off, ok } from "./check.ts";

/** Milliseconds that brokers get for one answer. */
const ANSWER_MS = 4_000;
/** Milliseconds in which a broker's address has to take a connection. */
const CONNECT_MS = 2_000;
/** Milliseconds of records that have to stay, so that who was away over a night resumes without a gap. */
const RETENTION_MS = 86_400_000;
const NOT_SET = "KAFKA_BROKERS is not set: the event log is inside the server";

/** The broker's requests that our client cannot do without, by their names in librdkafka's log. */
const NEEDED = ["Produce", "Fetch", "InitProducerId"] as const;

/** The library, loaded once; or why it cannot be. */
export type LoadedLibrary = Library | Error;

export function loadForDoctor(config: Config, packed: Packed): LoadedLibrary {
  try {
    return configuredLibrary(config, packed);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Which librdkafka is loaded, and whether it can do what the configuration asks of it. */
export function checkLibrary(library: LoadedLibrary, config: Config): Finding {
  if (library instanceof Error) {
    const isNeeded = config.KAFKA_BROKERS !== undefined || config.LIBRDKAFKA_PATH !== undefined;
    const [text = "", todo = ""] = library.message.split(/: (?=run )/);
    return isNeeded
      ? failed(text, todo || "set LIBRDKAFKA_PATH to a shared library")
      : off(`none, and none is needed: ${NOT_SET}`);
  }
  const { path, source, version, features } = describeLibrary(library);
  const missing = neededFeatures(config).filter((feature) => !features.includes(feature));
  if (missing.length > 0)
    return failed(
      `${version} at ${path} was built without ${missing.join(" and ")}, which KAFKA_SECURITY_PROTOCOL needs`,
      "compile it where libssl-dev is installed (bun run librdkafka), or set LIBRDKAFKA_PATH to another",
    );
  return ok(`${version} from ${path} (${source}), with ${features.join(", ")}`);
}

function neededFeatures({ KAFKA_SECURITY_PROTOCOL: protocol, KAFKA_SASL_MECHANISM: mechanism }: Config): string[] {
  const sasl = mechanism?.startsWith("SCRAM")
    ? "sasl_scram"
    : mechanism === "PLAIN"
      ? "sasl_plain"
      : "sasl_oauthbearer";
  return [...(protocol.endsWith("ssl") ? ["ssl"] : []), ...(protocol.startsWith("sasl") ? [sasl] : [])];
}

/** The brokers of KAFKA_BROKERS as the checks see them, by one client. */
export class BrokerLook {
  readonly #config: Config;
  readonly #library: LoadedLibrary;
  /** Versions of its requests as the first broker named them, such as `0..13`. */
  readonly #requests = new Map<string, string>();
  #admin: Admin | undefined;
  #brokers: Promise<Finding> | undefined;

  constructor(config: Config, library: LoadedLibrary) {
    this.#config = config;
    this.#library = library;
  }

  /** Whether they answer, which versions of Kafka's requests they speak, and whether each can be reached where it says it is. */
  checkBrokers(): Promise<Finding> {
    this.#brokers ??= this.#lookAtBrokers();
    return this.#brokers;
  }

  async #lookAtBrokers(): Promise<Finding> {
    const admin = this.#open();
    if ("state" in admin) return admin;
    try {
      const { brokers } = await admin.describeCluster({ timeout: ANSWER_MS });
      const away = await Promise.all(
        brokers.map(async (node) => ((await connects(node)) ? [] : [`${node.host}:${node.port}`])),
      );
      if (away.flat().length > 0)
        return failed(
          `a broker says that it is at ${away.flat().join(", ")}, where nothing takes connections`,
          "mend advertised.listeners of the broker, or let this machine reach that address",
        );
      const spoken = NEEDED.map((name) => `${name} ${this.#requests.get(name) ?? "?"}`);
      // A broker that does not tell is as old as 0.9: then there is no line at all.
      const missing = NEEDED.filter((name) => !this.#requests.has(name));
      if (missing.length > 0)
        return failed(`the broker does not know ${missing.join(" and ")}`, "use Kafka 0.11 or newer, or Redpanda");
      const where = brokers.map(({ nodeId, host, port }) => `${nodeId} at ${host}:${port}`);
      return ok(
        `${brokers.length === 1 ? "broker" : `${brokers.length} brokers,`} ${where.join(", ")}; versions of requests: ${spoken.join(", ")}`,
      );
    } catch (error) {
      return failed(reasonOf(error), "start the broker, or mend KAFKA_BROKERS and the other KAFKA_ variables");
    }
  }

  /** Whether the topic is there, spread and kept so that nothing is lost. */
  async checkTopic(): Promise<Finding> {
    const admin = this.#open();
    if ("state" in admin) return admin;
    const { KAFKA_TOPIC: topic } = this.#config;
    try {
      const [[described], settings, { brokers }] = await Promise.all([
        admin.fetchTopicMetadata({ topics: [topic], timeout: ANSWER_MS }),
        admin.describeTopicConfig(topic, ANSWER_MS),
        admin.describeCluster({ timeout: ANSWER_MS }),
      ]);
      const partitions = described?.partitions ?? [];
      return (
        topicFault(topic, partitions, settings, brokers.length) ??
        ok(topicText(topic, partitions, settings, this.#config.KAFKA_PARTITIONS))
      );
    } catch (error) {
      if (isUnknownTopic(error))
        return failed(
          `there is no topic ${topic}`,
          "run aetherlink topic create, or start the server, which creates it where it may",
        );
      if ((await this.checkBrokers()).state !== "ok") return off("needs the broker");
      return failed(
        `${topic}: ${reasonOf(error)}`,
        "let this client describe the topic and its configuration: Describe and DescribeConfigs in the brokers' ACLs",
      );
    }
  }

  async close(): Promise<void> {
    await this.#admin?.close();
  }

  #open(): Admin | Finding {
    if (this.#config.KAFKA_BROKERS === undefined) return off(NOT_SET);
    if (this.#library instanceof Error) return off("needs librdkafka");
    this.#admin ??= this.#connect(this.#library);
    return this.#admin;
  }

  #connect(library: Library): Admin {
    // Which versions a broker speaks is only told in the log of this facility.
    const note = (line: string) => {
      const [, name, versions] = /ApiKey (\w+) \(\d+\) Versions (\d+\.\.\d+)/.exec(line) ?? [];
      if (name !== undefined && versions !== undefined && !this.#requests.has(name)) this.#requests.set(name, versions);
    };
    const logger = { debug: note, info() {}, warn() {}, error() {} };
    return new Kafka({ ...kafkaProperties(this.#config), debug: "feature", library, logger }).admin();
  }
}

/** Undefined: nothing is wrong with it. */
function topicFault(
  topic: string,
  partitions: readonly PartitionMetadata[],
  settings: ReadonlyMap<string, string>,
  brokers: number,
): Finding | undefined {
  const headless = partitions.filter(({ leader }) => leader < 0).length;
  if (headless > 0)
    return failed(`${headless} partitions of ${topic} have no leader`, "bring the brokers back that hold them");
  const behind = partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length;
  if (behind > 0)
    return failed(
      `${behind} partitions of ${topic} have replicas that are behind`,
      "bring the brokers back that hold them",
    );
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  if (replicas < Math.min(3, brokers))
    return failed(
      `${topic} has ${counted(replicas, "replica")} on ${brokers} brokers: with one disk its events are lost`,
      `give it ${Math.min(3, brokers)} replicas (kafka-reassign-partitions), and set KAFKA_REPLICATION_FACTOR for new topics`,
    );
  const required = Number(settings.get("min.insync.replicas") ?? 1);
  if (replicas > 1 && required >= replicas)
    return failed(
      `${topic} takes events only while all ${replicas} replicas are there (min.insync.replicas=${required})`,
      `set min.insync.replicas=${replicas - 1} on the topic`,
    );
  return retentionFault(topic, settings);
}

function retentionFault(topic: string, settings: ReadonlyMap<string, string>): Finding | undefined {
  if (settings.get("cleanup.policy")?.includes("compact"))
    return failed(
      `${topic} is compacted: of each entity only its last event would stay`,
      "set cleanup.policy=delete on the topic",
    );
  const kept = Number(settings.get("retention.ms") ?? -1);
  if (kept < 0 || kept >= RETENTION_MS) return undefined;
  return failed(
    `${topic} keeps events for ${duration(kept)}: a stream that comes back later has a gap`,
    `set retention.ms=${7 * RETENTION_MS} on the topic`,
  );
}

function topicText(
  topic: string,
  partitions: readonly PartitionMetadata[],
  settings: ReadonlyMap<string, string>,
  configured: number,
): string {
  const count = `${counted(partitions.length, "partition")}${partitions.length === configured ? "" : ` (KAFKA_PARTITIONS says ${configured}, for a new one)`}`;
  const kept = Number(settings.get("retention.ms") ?? -1);
  const bytes = Number(settings.get("retention.bytes") ?? -1);
  const size = bytes < 0 ? "" : `, and at most ${(bytes / 1e6).toFixed(0)} MB of each partition`;
  return `${topic}: ${count}, ${counted(partitions[0]?.replicas.length ?? 0, "replica")}, kept ${kept < 0 ? "for ever" : `for ${duration(kept)}`}${size}`;
}

function duration(ms: number): string {
  const hours = ms / 3_600_000;
  return hours >= 48
    ? `${Math.round(hours / 24)} days`
    : hours >= 2
      ? `${Math.round(hours)} hours`
      : `${Math.round(ms / 60_000)} minutes`;
}

async function connects({ host, port }: { host: string; port: number }): Promise<boolean> {
  const opened = Bun.connect({ hostname: host, port, socket: { data() {} } }).then(
    (socket) => {
      socket.end();
      return true;
    },
    () => false,
  );
  return (await within(CONNECT_MS, opened)) === true;
}
