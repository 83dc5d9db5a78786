import { CString, ptr, read } from "bun:ffi";
import { at, type Bindings, int64, Message as Layout, type Ptr, Vu } from "./bindings.ts";

/** Bytes, or text that is sent as UTF-8; null is Kafka's null, which is not the same as empty. */
export type Bytes = string | Uint8Array | null;

/** A message to send, shaped as KafkaJS's. */
export interface Message {
  key?: Bytes | undefined;
  value: Bytes;
  /** A name may carry several values. */
  headers?: Readonly<Record<string, Bytes | readonly Bytes[]>> | undefined;
  /** Left out, the key decides (murmur2, as the Java client places it). */
  partition?: number | undefined;
  /** Milliseconds since 1970; left out, now. */
  timestamp?: number | undefined;
}

/** A message read, copied out of librdkafka's memory. */
export interface ConsumedMessage {
  topic: string;
  partition: number;
  /** Exact: a number holds integers up to 2^53, and a partition written a million times a second takes 285 years to get there. */
  offset: number;
  /** Milliseconds since 1970, or -1 when the message has none. */
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** A name given more than once has an array, in order. No prototype: any name is safe. */
  headers: Record<string, Uint8Array | null | (Uint8Array | null)[]>;
}

/** rd_kafka_vtype_t */
const Tag = { RKT: 2, PARTITION: 3, VALUE: 4, KEY: 5, OPAQUE: 6, FLAGS: 7, TIMESTAMP: 8, HEADER: 9 };
const COPY = 2;
const FIXED = [Tag.RKT, Tag.FLAGS, Tag.OPAQUE, Tag.PARTITION, Tag.TIMESTAMP, Tag.VALUE, Tag.KEY];
const WORDS = Vu.size / 4;
const [FIRST, SECOND] = [Vu.value / 4, Vu.second / 4];
/** Up to this many bytes copying into the arena is cheaper than asking for an address (15 against 50 ns). */
const SMALL = 4096;

/**
 * Writes one message after the other as the argument array of rd_kafka_produceva, which copies it: so one arena serves all.
 * One call a message costs 0.3 µs more than rd_kafka_produce_batch, but that one knows neither headers nor timestamps,
 * and leaks a message whose partition does not exist (rdkafka_msg.c, `continue` after toppar_get_avail failed).
 */
export class Encoder {
  #words = new Uint32Array((FIXED.length + 16) * WORDS);
  #arena = Buffer.allocUnsafeSlow(64 * 1024);
  #base: number = ptr(this.#arena);
  #used = 0;
  #held: object[] = [];
  #names = new Map<string, { bytes: Uint8Array; address: number }>();

  constructor() {
    this.#tag();
  }

  /** The argument array that `encode` filled; fetch it anew after each. */
  get vus(): Uint32Array {
    return this.#words;
  }

  /** Fills `vus`; the two numbers come back with the delivery report. Returns the count of arguments, 0 for what is no message. */
  encode(topic: Ptr, message: Message, batch: number, index: number): number {
    try {
      return this.#encode(topic, message, batch, index);
    } catch {
      return 0; // a value that is neither text nor bytes, past the type checker
    }
  }

  #encode(topic: Ptr, message: Message, batch: number, index: number): number {
    this.#used = 0;
    if (this.#held.length > 0) this.#held = [];
    this.#address(FIRST, Number(topic));
    this.#words[2 * WORDS + FIRST] = index;
    this.#words[2 * WORDS + FIRST + 1] = batch;
    this.#words[3 * WORDS + FIRST] = message.partition ?? -1;
    const time = message.timestamp ?? 0;
    this.#words[4 * WORDS + FIRST] = time;
    this.#words[4 * WORDS + FIRST + 1] = Math.floor(time / 0x1_0000_0000);
    this.#bytes(5 * WORDS + FIRST, message.value);
    this.#bytes(6 * WORDS + FIRST, message.key ?? null);
    return message.headers ? this.#headers(message.headers) : FIXED.length;
  }

  #headers(headers: NonNullable<Message["headers"]>): number {
    let count = FIXED.length;
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined) continue;
      if (Array.isArray(value)) for (const one of value) this.#header(count++, name, one);
      else this.#header(count++, name, value as Bytes);
    }
    return count;
  }

  #header(slot: number, name: string, value: Bytes): void {
    if ((slot + 1) * WORDS > this.#words.length) this.#moreSlots();
    const word = slot * WORDS;
    this.#address(word + FIRST, this.#nameAt(name));
    this.#bytes(word + SECOND, value);
  }

  /** Names repeat: writing each once instead of with every message makes a message with nine headers 1.5 times as fast. */
  #nameAt(name: string): number {
    const known = this.#names.get(name);
    if (known) return known.address;
    const bytes = Buffer.from(`${name}\0`);
    const made = { bytes, address: ptr(bytes) };
    if (this.#names.size >= 256) {
      this.#held.push(this.#names); // headers of this very message may point into it
      this.#names = new Map();
    }
    this.#names.set(name, made);
    return made.address;
  }

  /** Writes pointer and length of `value` from `word` on. */
  #bytes(word: number, value: Bytes): void {
    if (value === null) this.#pair(word, 0, 0);
    else if (typeof value === "string") this.#text(word, value);
    else if (!(value instanceof Uint8Array)) throw new TypeError("neither text nor bytes");
    else if (value.length <= SMALL && this.#used + value.length <= this.#arena.length) {
      this.#arena.set(value, this.#used);
      this.#take(word, value.length);
    } else this.#foreign(word, value);
  }

  #text(word: number, value: string): void {
    if (this.#used + value.length * 3 > this.#arena.length) this.#foreign(word, Buffer.from(value));
    else this.#take(word, this.#arena.write(value, this.#used));
  }

  #take(word: number, length: number): void {
    this.#pair(word, this.#base + this.#used, length);
    this.#used += length;
  }

  /** Memory that is not ours is held until the next message, that is, beyond the call. */
  #foreign(word: number, value: Uint8Array): void {
    this.#held.push(value);
    this.#pair(word, value.length === 0 ? this.#base : ptr(value), value.length);
  }

  #pair(word: number, address: number, length: number): void {
    this.#address(word, address);
    this.#words[word + 2] = length;
    this.#words[word + 3] = 0;
  }

  #address(word: number, address: number): void {
    this.#words[word] = address;
    this.#words[word + 1] = Math.floor(address / 0x1_0000_0000);
  }

  #moreSlots(): void {
    const before = this.#words;
    this.#words = new Uint32Array(before.length * 2);
    this.#words.set(before);
    this.#tag();
  }

  #tag(): void {
    for (let slot = 0; slot * WORDS < this.#words.length; slot++) this.#words[slot * WORDS] = FIXED[slot] ?? Tag.HEADER;
    this.#words[WORDS + FIRST] = COPY;
  }
}

const NO_HEADERS: ConsumedMessage["headers"] = Object.freeze(Object.create(null));

/** Copies messages out of rd_kafka_message_t; reads nothing after it returned. */
export class Decoder {
  readonly #K: Bindings;
  readonly #out = new BigUint64Array(3);
  readonly #base: number = ptr(this.#out);

  constructor(K: Bindings) {
    this.#K = K;
  }

  /** The message at `address`, which the caller destroys afterwards. */
  decode(address: number, topic: string): ConsumedMessage {
    return {
      topic,
      partition: read.i32(address, Layout.partition),
      offset: int64(address, Layout.offset),
      timestamp: Number(this.#K.rd_kafka_message_timestamp(at(address), null)),
      key: this.copy(read.ptr(address, Layout.key), read.u32(address, Layout.keyLen)),
      value: this.copy(read.ptr(address, Layout.payload), read.u32(address, Layout.len)),
      headers: this.#headers(address),
    };
  }

  /** Bytes of their own, so that a message kept keeps nothing else alive; 27 ns for 250 bytes. */
  copy(from: number, length: number): Uint8Array | null {
    if (from === 0) return null;
    const bytes = new Uint8Array(length);
    if (length > 0) this.#K.memcpy(bytes, at(from), length);
    return bytes;
  }

  #headers(address: number): ConsumedMessage["headers"] {
    if (this.#K.rd_kafka_message_headers(at(address), this.#out) !== 0) return NO_HEADERS;
    const list = at(read.ptr(this.#base, 0));
    const [name, value, size] = [at(this.#base), at(this.#base + 8), at(this.#base + 16)];
    const headers: ConsumedMessage["headers"] = Object.create(null);
    for (let i = 0; this.#K.rd_kafka_header_get_all(list, i, name, value, size) === 0; i++) {
      const key = CString(read.ptr(this.#base, 0));
      const bytes = this.copy(read.ptr(this.#base, 8), read.u32(this.#base, 16));
      const earlier = headers[key];
      headers[key] = earlier === undefined ? bytes : Array.isArray(earlier) ? [...earlier, bytes] : [earlier, bytes];
    }
    return headers;
  }
}
