import type { Config } from "../config.ts";
import type { Admin } from "../kafka/index.ts";
import { ANSWER_MS, isUnknownTopic, withBroker } from "./broker.ts";
import { defineCommand, JSON_OPTION, quote, see } from "./command.ts";
import { Exit, UsageError } from "./exit.ts";

const ENVIRONMENT = [
  "KAFKA_BROKERS",
  "KAFKA_TOPIC",
  "KAFKA_PARTITIONS",
  "KAFKA_REPLICATION_FACTOR",
  "KAFKA_SECURITY_PROTOCOL",
  "KAFKA_OPTIONS",
];

interface Partition {
  readonly partition: number;
  /** A broker's id, -1 when there is none. */
  readonly leader: number;
  /** First offset, and the one that the next record gets. */
  readonly low: number;
  readonly high: number;
}

/** `aetherlink topic describe`. */
export const topicDescribe = defineCommand({
  name: "topic describe",
  summary: "partitions of KAFKA_TOPIC, their leaders and how much stands in them",
  options: { json: JSON_OPTION },
  examples: [
    ["topic describe", "whether it is there, and with how many partitions"],
    ["topic describe --json | jq '[.partitions[] | .high - .low] | add'", "how many records it holds"],
  ],
  no: "there is no such topic",
  environment: ENVIRONMENT,
  run: (values, _, { out, packed }) =>
    withBroker(packed, async (admin, { KAFKA_TOPIC: topic }) => {
      const partitions = await describe(admin, topic);
      if (values.json === true)
        out(`${JSON.stringify({ topic, exists: partitions !== undefined, partitions: partitions ?? [] })}\n`);
      else out(partitions === undefined ? `there is no topic ${topic}\n` : table(topic, partitions));
      return partitions === undefined ? Exit.no : Exit.ok;
    }),
});

/** `aetherlink topic create`. */
export const topicCreate = defineCommand({
  name: "topic create",
  summary: "create KAFKA_TOPIC; a server does so itself where it may",
  about:
    "Does nothing when the topic is there. The number of partitions cannot be changed later without\n" +
    "moving keys between them, which breaks the order of their events: choose it for years.",
  options: {
    partitions: { type: "string", value: "<n>", help: "partitions; default KAFKA_PARTITIONS" },
    "replication-factor": { type: "string", value: "<n>", help: "replicas; default KAFKA_REPLICATION_FACTOR" },
    json: JSON_OPTION,
  },
  examples: [
    ["topic create", "as the configuration says"],
    ["topic create --partitions 12 --replication-factor 3", "for a cluster with a large load"],
  ],
  no: "the topic is there, with another number of partitions than --partitions says",
  environment: ENVIRONMENT,
  run: async (values, _, { out, packed }) => {
    const asked = {
      partitions: wholeNumber("partitions", values.partitions, 1_000),
      replicas: wholeNumber("replication-factor", values["replication-factor"], 15),
    };
    return await withBroker(packed, async (admin, config) => {
      const topic = config.KAFKA_TOPIC;
      const created = await create(admin, config, asked.partitions, asked.replicas);
      const partitions = created
        ? (asked.partitions ?? config.KAFKA_PARTITIONS)
        : ((await describe(admin, topic)) ?? []).length;
      if (values.json === true) out(`${JSON.stringify({ topic, created, partitions })}\n`);
      else out(`${created ? "created" : "there is already"} ${topic}, with ${partitions} partitions\n`);
      return created || asked.partitions === undefined || asked.partitions === partitions ? Exit.ok : Exit.no;
    });
  },
});

/** Undefined when there is no such topic. */
async function describe(admin: Admin, topic: string): Promise<Partition[] | undefined> {
  try {
    const [metadata] = await admin.fetchTopicMetadata({ topics: [topic], timeout: ANSWER_MS });
    const offsets = new Map((await admin.fetchTopicOffsets(topic, ANSWER_MS)).map((found) => [found.partition, found]));
    return (metadata?.partitions ?? []).map(({ partitionId, leader }) => ({
      partition: partitionId,
      leader,
      low: offsets.get(partitionId)?.low ?? 0,
      high: offsets.get(partitionId)?.high ?? 0,
    }));
  } catch (error) {
    if (isUnknownTopic(error)) return undefined;
    throw error;
  }
}

async function create(admin: Admin, config: Config, partitions?: number, replicas?: number): Promise<boolean> {
  const replicationFactor = replicas ?? config.KAFKA_REPLICATION_FACTOR;
  const topic = {
    topic: config.KAFKA_TOPIC,
    numPartitions: partitions ?? config.KAFKA_PARTITIONS,
    ...(replicationFactor > 0 ? { replicationFactor } : {}),
  };
  return await admin.createTopics({ topics: [topic], timeout: ANSWER_MS });
}

function table(topic: string, partitions: readonly Partition[]): string {
  const rows = [
    ["partition", "leader", "first", "next", "records"],
    ...partitions.map(({ partition, leader, low, high }) => [partition, leader, low, high, high - low].map(String)),
  ];
  const lines = rows.map((row) => row.map((cell, i) => cell.padStart(rows[0]?.[i]?.length ?? 0)).join("  "));
  return `${topic}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

/** @throws {UsageError} for anything but a whole number from 1 to `max` */
function wholeNumber(option: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new UsageError(
    `topic create: --${option} is a whole number from 1 to ${max}, not ${quote(text)}; ${see("topic create")}`,
  );
}
