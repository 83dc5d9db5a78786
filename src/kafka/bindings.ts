import { dlopen, FFIType, type Pointer, read } from "bun:ffi";

/** A pointer as bun:ffi returns it. */
export type Ptr = Pointer | bigint;

const { ptr: P, i32: I, i64_fast: L, u64_fast: Z, cstring: S, void: V } = FFIType;

/** C signatures of rdkafka.h 2.3 to 2.15, and the five of libc that librdkafka itself is linked to. Nothing else. */
// biome-ignore format: a table
const SIGNATURES = {
  rd_kafka_version_str: { args: [], returns: S }, rd_kafka_err2name: { args: [I], returns: S }, rd_kafka_err2str: { args: [I], returns: S },
  rd_kafka_conf_new: { args: [], returns: P }, rd_kafka_conf_destroy: { args: [P], returns: V },
  rd_kafka_conf_set: { args: [P, S, S, P, Z], returns: I }, rd_kafka_conf_get: { args: [P, S, P, P], returns: I },
  rd_kafka_conf_set_events: { args: [P, I], returns: V }, rd_kafka_new: { args: [I, P, P, Z], returns: P },
  rd_kafka_destroy: { args: [P], returns: V }, rd_kafka_set_log_queue: { args: [P, P], returns: I },
  rd_kafka_event_error_is_fatal: { args: [P], returns: I },

  rd_kafka_queue_get_main: { args: [P], returns: P }, rd_kafka_queue_get_consumer: { args: [P], returns: P },
  rd_kafka_queue_destroy: { args: [P], returns: V }, rd_kafka_queue_poll: { args: [P, I], returns: P },
  rd_kafka_queue_io_event_enable: { args: [P, I, P, Z], returns: V }, rd_kafka_event_type: { args: [P], returns: I },
  rd_kafka_event_destroy: { args: [P], returns: V }, rd_kafka_event_error: { args: [P], returns: I },
  rd_kafka_event_error_string: { args: [P], returns: S }, rd_kafka_event_opaque: { args: [P], returns: P },
  rd_kafka_event_message_array: { args: [P, P, Z], returns: Z }, rd_kafka_event_log: { args: [P, P, P, P], returns: I },
  rd_kafka_event_stats: { args: [P], returns: S },

  rd_kafka_topic_new: { args: [P, S, P], returns: P }, rd_kafka_topic_destroy: { args: [P], returns: V },
  rd_kafka_topic_name: { args: [P], returns: S }, rd_kafka_produceva: { args: [P, P, Z], returns: P },
  rd_kafka_purge: { args: [P, I], returns: I }, rd_kafka_message_timestamp: { args: [P, P], returns: L },
  rd_kafka_message_headers: { args: [P, P], returns: I }, rd_kafka_message_destroy: { args: [P], returns: V },
  rd_kafka_header_get_all: { args: [P, Z, P, P, P], returns: I }, rd_kafka_error_code: { args: [P], returns: I },
  rd_kafka_error_string: { args: [P], returns: S }, rd_kafka_error_destroy: { args: [P], returns: V },

  rd_kafka_topic_partition_list_new: { args: [I], returns: P }, rd_kafka_topic_partition_list_destroy: { args: [P], returns: V },
  rd_kafka_topic_partition_list_add: { args: [P, S, I], returns: P },
  rd_kafka_topic_partition_list_set_offset: { args: [P, S, I, L], returns: I },
  rd_kafka_consume_batch_queue: { args: [P, I, P, Z], returns: L }, rd_kafka_assign: { args: [P, P], returns: I },
  rd_kafka_assignment: { args: [P, P], returns: I },
  rd_kafka_seek_partitions: { args: [P, P, I], returns: P }, rd_kafka_pause_partitions: { args: [P, P], returns: I },
  rd_kafka_resume_partitions: { args: [P, P], returns: I }, rd_kafka_get_watermark_offsets: { args: [P, S, I, P, P], returns: I },
  rd_kafka_commit_queue: { args: [P, P, P, P, Z], returns: I },

  rd_kafka_AdminOptions_new: { args: [P, I], returns: P }, rd_kafka_AdminOptions_destroy: { args: [P], returns: V },
  rd_kafka_AdminOptions_set_request_timeout: { args: [P, I, P, Z], returns: I },
  rd_kafka_AdminOptions_set_opaque: { args: [P, Z], returns: V }, rd_kafka_DescribeCluster: { args: [P, P, P], returns: V },
  rd_kafka_TopicCollection_of_topic_names: { args: [P, Z], returns: P }, rd_kafka_TopicCollection_destroy: { args: [P], returns: V },
  rd_kafka_DescribeTopics: { args: [P, P, P, P], returns: V }, rd_kafka_DescribeTopics_result_topics: { args: [P, P], returns: P },
  rd_kafka_TopicDescription_error: { args: [P], returns: P }, rd_kafka_TopicDescription_partitions: { args: [P, P], returns: P },
  rd_kafka_TopicPartitionInfo_partition: { args: [P], returns: I }, rd_kafka_TopicPartitionInfo_leader: { args: [P], returns: P },
  rd_kafka_Node_id: { args: [P], returns: I }, rd_kafka_NewTopic_new: { args: [S, I, I, P, Z], returns: P },
  rd_kafka_NewTopic_destroy: { args: [P], returns: V }, rd_kafka_NewTopic_set_config: { args: [P, S, S], returns: I },
  rd_kafka_CreateTopics: { args: [P, P, Z, P, P], returns: V }, rd_kafka_CreateTopics_result_topics: { args: [P, P], returns: P },
  rd_kafka_topic_result_error: { args: [P], returns: I }, rd_kafka_topic_result_error_string: { args: [P], returns: S },
  rd_kafka_topic_result_name: { args: [P], returns: S }, rd_kafka_ListOffsets: { args: [P, P, P, P], returns: V },
  rd_kafka_ListOffsets_result_infos: { args: [P, P], returns: P },
  rd_kafka_ListOffsetsResultInfo_topic_partition: { args: [P], returns: P },
  rd_kafka_TopicPartitionInfo_replicas: { args: [P, P], returns: P }, rd_kafka_TopicPartitionInfo_isr: { args: [P, P], returns: P },
  rd_kafka_DescribeCluster_result_nodes: { args: [P, P], returns: P },
  rd_kafka_Node_host: { args: [P], returns: S }, rd_kafka_Node_port: { args: [P], returns: FFIType.u16 },
  rd_kafka_ConfigResource_new: { args: [I, S], returns: P }, rd_kafka_ConfigResource_destroy: { args: [P], returns: V },
  rd_kafka_DescribeConfigs: { args: [P, P, Z, P, P], returns: V },
  rd_kafka_DescribeConfigs_result_resources: { args: [P, P], returns: P },
  rd_kafka_ConfigResource_error: { args: [P], returns: I }, rd_kafka_ConfigResource_error_string: { args: [P], returns: S },
  rd_kafka_ConfigResource_configs: { args: [P, P], returns: P },
  rd_kafka_ConfigEntry_name: { args: [P], returns: S }, rd_kafka_ConfigEntry_value: { args: [P], returns: S },

  memcpy: { args: [P, P, Z], returns: P }, pipe: { args: [P], returns: I },
  // Variadic, and Apple's arm64 passes such arguments on the stack: six fillers fill the registers, the seventh lies there.
  fcntl: { args: [I, I, L, L, L, L, L, L, L], returns: I },
} as const;

/** Loads the shared library at `path`. Throws what dlopen says when it is no library or lacks a function. */
export function bind(path: string) {
  return dlopen(path, SIGNATURES).symbols;
}

/** The functions of a loaded librdkafka. */
export type Bindings = ReturnType<typeof bind>;

/** The version of the library at `path` as rd_kafka_version() packs it, 0xMMmmrrxx, or undefined when it does not load. */
export function probe(path: string): number | undefined {
  try {
    const library = dlopen(path, { rd_kafka_version: { args: [], returns: I } });
    const version = library.symbols.rd_kafka_version();
    library.close();
    return version;
  } catch {
    return undefined;
  }
}

/** Byte offsets on 64-bit machines of the structures that rdkafka.h makes public; layout.test.ts compares them with the C compiler's. */
export const Message = {
  err: 0,
  rkt: 8,
  partition: 16,
  payload: 24,
  len: 32,
  key: 40,
  keyLen: 48,
  offset: 56,
  opaque: 64,
};
/** rd_kafka_topic_partition_t, and where its list keeps count and elements. */
export const Partition = { topic: 0, partition: 8, offset: 16, err: 48, size: 64, listCount: 0, listElements: 8 };
/** rd_kafka_vu_t: a tag, then a union of 64 bytes. */
export const Vu = { type: 0, value: 8, second: 16, third: 24, size: 72 };

/** An address read from C memory, as an argument; 0 is NULL. */
export function at(address: number): Pointer | null {
  return address === 0 ? null : (address as Pointer);
}

/** A signed 64-bit integer as a number: exact up to 2^53, and half the price of a BigInt (15 against 30 ns). */
export function int64(address: Ptr | number, offset: number): number {
  return read.i32(address, offset + 4) * 0x1_0000_0000 + read.u32(address, offset);
}

/** What C wrote into a buffer, up to its NUL. */
export function text(buffer: Buffer): string {
  return buffer.toString("utf8", 0, Math.max(0, buffer.indexOf(0)));
}
