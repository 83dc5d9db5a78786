import { ptr, read } from "bun:ffi";
import { at, type Ptr } from "./bindings.ts";
import { KafkaError } from "./errors.ts";
import type { Handle } from "./handle.ts";
import { readPartition, withList } from "./partitions.ts";

/** rd_kafka_admin_op_t; the calls of the admin API need no admin client, any handle makes them. */
export const Op = {
  CREATE_TOPICS: 1,
  DESCRIBE_CONFIGS: 5,
  DESCRIBE_TOPICS: 19,
  DESCRIBE_CLUSTER: 20,
  LIST_OFFSETS: 21,
};

/** rd_kafka_OffsetSpec_t */
export const Spec = { EARLIEST: -2, LATEST: -1 };

/** A partition as KafkaJS describes it; the leader is a broker's id, -1 when there is none. */
export interface PartitionMetadata {
  partitionId: number;
  leader: number;
  /** Ids of the brokers that should have it, and of those whose copy is up to date. */
  replicas: number[];
  isr: number[];
}

/** A broker as it tells clients to reach it. */
export interface BrokerNode {
  nodeId: number;
  host: string;
  port: number;
}

/** The first and the next offset of a partition. */
export interface Watermarks {
  partition: number;
  low: number;
  high: number;
}

/** Makes an admin call with `timeout` ms and resolves with what `take` copies from its reply. Rejects with KafkaError. */
export function adminCall<T>(
  handle: Handle,
  op: number,
  timeout: number,
  call: (options: Ptr | null) => void,
  take: (event: Ptr) => T,
): Promise<T> {
  const { K } = handle;
  const submit = (opaque: number) => {
    const options = K.rd_kafka_AdminOptions_new(handle.rk, op);
    K.rd_kafka_AdminOptions_set_request_timeout(options, Math.max(1, Math.round(timeout)), null, 0);
    K.rd_kafka_AdminOptions_set_opaque(options, opaque);
    try {
      call(options);
    } finally {
      K.rd_kafka_AdminOptions_destroy(options);
    }
  };
  return handle.request(submit, take);
}

/** Resolves when a broker answers, with all of them, by id. */
export function describeCluster(handle: Handle, timeout: number): Promise<BrokerNode[]> {
  const { K } = handle;
  const call = (options: Ptr | null) => K.rd_kafka_DescribeCluster(handle.rk, options, handle.main);
  const take = (event: Ptr) =>
    array((count) => K.rd_kafka_DescribeCluster_result_nodes(event, count))
      .map((node) => ({
        nodeId: K.rd_kafka_Node_id(node),
        host: K.rd_kafka_Node_host(node) ?? "",
        port: K.rd_kafka_Node_port(node),
      }))
      .sort((a, b) => a.nodeId - b.nodeId);
  return adminCall(handle, Op.DESCRIBE_CLUSTER, timeout, call, take);
}

/** RD_KAFKA_RESOURCE_TOPIC */
const TOPIC_RESOURCE = 2;

/** The settings of a topic by their names, the brokers' defaults included. Rejects with KafkaError. */
export function describeConfigs(handle: Handle, topic: string, timeout: number): Promise<Map<string, string>> {
  const { K } = handle;
  const asked = K.rd_kafka_ConfigResource_new(TOPIC_RESOURCE, topic);
  const list = new BigUint64Array([BigInt(asked ?? 0)]);
  const call = (options: Ptr | null) => K.rd_kafka_DescribeConfigs(handle.rk, list, 1, options, handle.main);
  const take = (event: Ptr) => {
    const [found = null] = array((count) => K.rd_kafka_DescribeConfigs_result_resources(event, count));
    const code = K.rd_kafka_ConfigResource_error(found);
    if (code !== 0) throw handle.error(code, K.rd_kafka_ConfigResource_error_string(found), { topic });
    const entries = array((count) => K.rd_kafka_ConfigResource_configs(found, count));
    return new Map(
      entries.map((entry) => [K.rd_kafka_ConfigEntry_name(entry) ?? "", K.rd_kafka_ConfigEntry_value(entry) ?? ""]),
    );
  };
  return adminCall(handle, Op.DESCRIBE_CONFIGS, timeout, call, take).finally(() =>
    K.rd_kafka_ConfigResource_destroy(asked),
  );
}

/** The partitions of a topic, by id. Rejects with KafkaError of type ERR_UNKNOWN_TOPIC_OR_PART when there is none. */
export function describeTopic(handle: Handle, topic: string, timeout: number): Promise<PartitionMetadata[]> {
  const { K } = handle;
  const collection = K.rd_kafka_TopicCollection_of_topic_names(stringArray(topic), 1);
  const call = (options: Ptr | null) => K.rd_kafka_DescribeTopics(handle.rk, collection, options, handle.main);
  const take = (event: Ptr) => {
    const [description = null] = array((count) => K.rd_kafka_DescribeTopics_result_topics(event, count));
    const error = K.rd_kafka_TopicDescription_error(description); // belongs to the event
    const code = error === null ? 0 : K.rd_kafka_error_code(error);
    if (code !== 0) throw handle.error(code, K.rd_kafka_error_string(error), { topic });
    const partitions = array((count) => K.rd_kafka_TopicDescription_partitions(description, count));
    return partitions.map((info) => describePartition(handle, info)).sort((a, b) => a.partitionId - b.partitionId);
  };
  return adminCall(handle, Op.DESCRIBE_TOPICS, timeout, call, take).finally(() =>
    K.rd_kafka_TopicCollection_destroy(collection),
  );
}

function describePartition({ K }: Handle, info: Ptr | null): PartitionMetadata {
  const leader = K.rd_kafka_TopicPartitionInfo_leader(info);
  const ids = (nodes: (Ptr | null)[]) => nodes.map((node) => K.rd_kafka_Node_id(node));
  return {
    partitionId: K.rd_kafka_TopicPartitionInfo_partition(info),
    leader: leader === null ? -1 : K.rd_kafka_Node_id(leader),
    replicas: ids(array((count) => K.rd_kafka_TopicPartitionInfo_replicas(info, count))),
    isr: ids(array((count) => K.rd_kafka_TopicPartitionInfo_isr(info, count))),
  };
}

/** LEADER_NOT_AVAILABLE and NOT_LEADER_FOR_PARTITION: for some milliseconds after a topic was made or a broker came back. */
const NO_LEADER_YET = new Set([5, 6]);

/** An offset of a partition. */
export interface PartitionOffset {
  partition: number;
  offset: number;
}

/** First and next offset of each partition of `topic`, asked from the brokers now. Rejects with KafkaError after `timeout` ms. */
export function watermarks(handle: Handle, topic: string, timeout: number): Promise<Watermarks[]> {
  return askPartitions(handle, topic, timeout, async (partitions, offsets) => {
    const [low, high] = await Promise.all([offsets(Spec.EARLIEST), offsets(Spec.LATEST)]);
    return partitions.map((partition) => ({
      partition,
      low: low.get(partition) ?? 0,
      high: high.get(partition) ?? 0,
    }));
  });
}

/** The first offset of each partition whose message has that timestamp or a later one; the next offset when there is none. */
export function offsetsByTimestamp(
  handle: Handle,
  topic: string,
  timestamp: number,
  timeout: number,
): Promise<PartitionOffset[]> {
  return askPartitions(handle, topic, timeout, async (partitions, offsets) => {
    // The end first: a message that comes between the two answers is then not passed over.
    const end = await offsets(Spec.LATEST);
    const found = await offsets(Math.max(0, timestamp));
    return partitions.map((partition) => {
      const offset = found.get(partition) ?? -1;
      return { partition, offset: offset < 0 ? (end.get(partition) ?? 0) : offset };
    });
  });
}

/** Asks for offsets of all partitions; again while one of them has no leader. */
async function askPartitions<T>(
  handle: Handle,
  topic: string,
  timeout: number,
  ask: (partitions: number[], offsets: (spec: number) => Promise<Map<number, number>>) => Promise<T>,
): Promise<T> {
  const until = performance.now() + timeout;
  for (;;) {
    try {
      const partitions = (await describeTopic(handle, topic, until - performance.now())).map((p) => p.partitionId);
      return await ask(partitions, (spec) => listOffsets(handle, topic, partitions, spec, until - performance.now()));
    } catch (error) {
      if (!(error instanceof KafkaError && NO_LEADER_YET.has(error.code)) || performance.now() > until) throw error;
      await Bun.sleep(50);
    }
  }
}

/** @param offset a spec, or a time in milliseconds since 1970 */
function listOffsets(handle: Handle, topic: string, partitions: number[], offset: number, timeout: number) {
  const { K } = handle;
  const entries = partitions.map((partition) => ({ topic, partition, offset }));
  const call = (options: Ptr | null) =>
    withList(K, entries, (list) => K.rd_kafka_ListOffsets(handle.rk, list, options, handle.main));
  const take = (event: Ptr) => {
    const offsets = new Map<number, number>();
    for (const info of array((count) => K.rd_kafka_ListOffsets_result_infos(event, count))) {
      const found = readPartition(K.rd_kafka_ListOffsetsResultInfo_topic_partition(info));
      if (found.code !== 0) throw handle.error(found.code, null, { topic, partition: found.partition });
      offsets.set(found.partition, found.offset);
    }
    return offsets;
  };
  return adminCall(handle, Op.LIST_OFFSETS, timeout, call, take);
}

/** Reads a C array of pointers whose length the call writes to a size_t. */
export function array(call: (count: BigUint64Array) => Ptr | null): (Ptr | null)[] {
  const count = new BigUint64Array(1);
  const first = call(count);
  if (first === null) return [];
  return Array.from({ length: Number(count[0]) }, (_, i) => at(read.ptr(first, i * 8)));
}

/** A C array of one string. Both in one buffer: an argument lives until its call ended, what it points at would not have to. */
function stringArray(value: string): Buffer {
  const bytes = Buffer.from(`        ${value}\0`);
  bytes.writeBigUInt64LE(BigInt(ptr(bytes)) + 8n);
  return bytes;
}
