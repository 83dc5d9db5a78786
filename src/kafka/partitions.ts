import { read } from "bun:ffi";
import { type Bindings, int64, Partition as Layout, type Ptr } from "./bindings.ts";

/** A place in a partition; as a position it is the next offset to read. */
export interface TopicPartitionOffset {
  topic: string;
  partition: number;
  offset: number;
}

/** KafkaJS's shape for pause and resume. */
export interface TopicPartitions {
  topic: string;
  partitions: number[];
}

/** Runs `use` with a rd_kafka_topic_partition_list_t of `entries`, and frees it. */
export function withList<T>(K: Bindings, entries: readonly TopicPartitionOffset[], use: (list: Ptr | null) => T): T {
  const list = K.rd_kafka_topic_partition_list_new(entries.length);
  try {
    for (const { topic, partition, offset } of entries) {
      K.rd_kafka_topic_partition_list_add(list, topic, partition);
      K.rd_kafka_topic_partition_list_set_offset(list, topic, partition, offset);
    }
    return use(list);
  } finally {
    K.rd_kafka_topic_partition_list_destroy(list);
  }
}

/** The first error that librdkafka noted on an entry of `list`, and on which; undefined when there is none. */
export function firstError(
  list: Ptr | null,
  entries: readonly TopicPartitionOffset[],
): [number, TopicPartitionOffset] | undefined {
  if (list === null) return undefined;
  const elements = read.ptr(list, Layout.listElements);
  for (const [i, entry] of entries.entries()) {
    const code = read.i32(elements, i * Layout.size + Layout.err);
    if (code !== 0 && code !== IN_PROGRESS) return [code, entry];
  }
  return undefined;
}

/** A rd_kafka_topic_partition_t: its partition, offset and error. */
export function readPartition(element: Ptr | null): { partition: number; offset: number; code: number } {
  if (element === null) throw new TypeError("librdkafka returned no partition");
  return {
    partition: read.i32(element, Layout.partition),
    offset: int64(element, Layout.offset),
    code: read.i32(element, Layout.err),
  };
}

const IN_PROGRESS = -178;
