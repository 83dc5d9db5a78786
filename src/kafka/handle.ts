import { CString, ptr, read } from "bun:ffi";
import { at, type Bindings, type Ptr, text } from "./bindings.ts";
import { newConf, type Properties, redactor } from "./config.ts";
import { destroyAside } from "./ending.ts";
import { ClosedError, Code, ConfigError, KafkaError, NO_ANSWER, OffsetOutOfRangeError, type Where } from "./errors.ts";
import type { Library } from "./library.ts";
import { Wake } from "./wake.ts";

/** rd_kafka_event_type_t, those we serve; the results of admin calls are known by their opaque. */
const Event = { DR: 0x1, LOG: 0x4, ERROR: 0x8, STATS: 0x40 };
const OFFSET_COMMIT = 0x20;

/** What librdkafka reports every `statistics.interval.ms`: STATISTICS.md of librdkafka names all fields. */
export interface Statistics {
  /** The client's, such as `rdkafka#producer-1`; never used twice in a process. */
  name: string;
  type: "producer" | "consumer";
  /** Messages and bytes waiting in the producer. */
  msg_cnt: number;
  msg_size: number;
  /** By "host:port/id". */
  brokers: Record<string, BrokerStatistics>;
  [field: string]: unknown;
}

/** A broker, or an address to start from (then `nodeid` is -1). */
export interface BrokerStatistics {
  nodeid: number;
  /** "UP" while it can be asked. */
  state: string;
  /** Microseconds between a request and its answer, since the report before. */
  rtt: { cnt: number; p99: number };
  [field: string]: unknown;
}

/** KafkaJS's logger: one line, and what goes with it. */
export type Logger = Record<"debug" | "info" | "warn" | "error", (message: string, extra?: object) => void>;

/** What every client is opened with: librdkafka's properties, `bootstrap.servers` at least, and what is not one. */
export type ClientOptions = Properties & {
  library: Library;
  logger?: Logger;
  /** Connection, authentication and fatal errors. librdkafka goes on by itself after all but a fatal one. */
  onError?: (error: KafkaError) => void;
  /** Set `statistics.interval.ms` too, else there are none. */
  onStatistics?: (statistics: Statistics) => void;
};

/** What the producer or consumer does when librdkafka has something for it. */
export interface Hooks {
  /** A delivery report event, still owned by the handle. */
  onDeliveries?: (event: Ptr) => void;
  /** After every wake-up, once the events have been served. */
  onWake?: () => void;
  /** Once: an error after which the client can do nothing more. */
  onFatal?: () => void;
}

type Pending = { take: (event: Ptr) => void; fail: (error: Error) => void };

/** The only owner of a rd_kafka_t, its queues and its pipe: routes events, matches replies, and frees each exactly once. */
export class Handle {
  readonly K: Bindings;
  readonly kind: "producer" | "consumer";
  readonly redact: (text: string) => string;
  readonly #options: ClientOptions;
  readonly #hooks: Hooks;
  readonly #wake: Wake;
  readonly #queues: (Ptr | null)[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #scratch = new BigUint64Array(3);
  #rk: Ptr | null;
  #nextRequest = 1;
  #lastError: KafkaError | undefined;
  #fatal = false;
  #closing: Promise<void> | undefined;

  /** Opens a client; nothing is sent yet. Throws ConfigError for a property that librdkafka refuses. */
  constructor(kind: "producer" | "consumer", options: ClientOptions, defaults: Properties, hooks: Hooks = {}) {
    const { library, logger: _, onError: __, onStatistics: ___, ...given } = options;
    const properties = { ...defaults, ...given, "log.queue": true };
    this.K = library.K;
    this.kind = kind;
    this.#options = options;
    this.#hooks = hooks;
    this.redact = redactor(properties);
    this.#rk = this.#create(properties);
    try {
      this.#wake = new Wake(this.K, () => this.#onWake());
    } catch (error) {
      this.K.rd_kafka_destroy(this.#rk);
      throw error;
    }
    const main = this.K.rd_kafka_queue_get_main(this.#rk);
    this.K.rd_kafka_set_log_queue(this.#rk, main);
    this.watch(main);
    setImmediate(() => this.#onWake()); // what was queued before the pipe was watched woke nobody
  }

  /** The pointer, for one call. Throws ClosedError after `close`. */
  get rk(): Ptr {
    if (this.#rk === null || this.#closing) throw new ClosedError(this.kind);
    return this.#rk;
  }

  /** The queue that events and replies arrive on. */
  get main(): Ptr | null {
    return this.#queues[0] ?? null;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Makes `queue` wake us, and leaves it to this handle to free. */
  watch(queue: Ptr | null): void {
    this.#queues.push(queue);
    this.#wake.watch(queue);
  }

  /** Makes the typed error of `code`; `detail` is what came with it. */
  error(code: number, detail?: string | null, where: Where = {}): KafkaError {
    const type = `ERR_${this.K.rd_kafka_err2name(code)}`;
    const message = this.redact(detail || (this.K.rd_kafka_err2str(code) ?? type));
    const cause = NO_ANSWER.has(code) ? this.#lastError : undefined;
    if (cause) return new KafkaError(code, type, `${message} (last: ${cause.message})`, { ...where, cause });
    const outOfRange = code === Code.AUTO_OFFSET_RESET || code === Code.OFFSET_OUT_OF_RANGE;
    return new (outOfRange ? OffsetOutOfRangeError : KafkaError)(code, type, message, { ...where, fatal: this.#fatal });
  }

  /** Throws the typed error unless `code` is zero. */
  check(code: number): void {
    if (code !== Code.NONE) throw this.error(code);
  }

  /** Frees a rd_kafka_error_t and returns it as a KafkaError, or undefined for NULL. */
  taken(error: Ptr | null): KafkaError | undefined {
    if (error === null) return undefined;
    const made = this.error(this.K.rd_kafka_error_code(error), this.K.rd_kafka_error_string(error));
    this.K.rd_kafka_error_destroy(error);
    return made;
  }

  /** `submit` makes a call that replies on `main` with `opaque`; resolves with what `take` copies out of the reply. */
  request<T>(submit: (opaque: number) => void, take: (event: Ptr) => T): Promise<T> {
    const opaque = this.#nextRequest++;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#pending.set(opaque, { take: (event) => resolve(take(event)), fail: reject });
    try {
      submit(opaque);
    } catch (error) {
      this.#pending.delete(opaque);
      reject(error);
    }
    return promise;
  }

  /** Rejects what still waits for a reply, frees everything. Safe twice. Resolves after a second at most, see `destroyAside`. */
  close(): Promise<void> {
    this.#closing ??= this.#free();
    return this.#closing;
  }

  #create(properties: Properties): Ptr {
    const conf = newConf(this.K, properties);
    this.K.rd_kafka_conf_set_events(conf, Event.DR | Event.LOG | Event.ERROR | Event.STATS | OFFSET_COMMIT);
    const why = Buffer.alloc(512);
    const rk = this.K.rd_kafka_new(this.kind === "producer" ? 0 : 1, conf, why, why.length);
    if (rk !== null) return rk; // it owns conf now
    this.K.rd_kafka_conf_destroy(conf);
    throw new ConfigError(Code.INVALID_ARG, "ERR__INVALID_ARG", `librdkafka: ${this.redact(text(why))}`);
  }

  #onWake(): void {
    if (this.#rk === null) return;
    this.poll();
    this.#hooks.onWake?.();
  }

  /** Serves all events that wait. Called by every wake-up. */
  poll(): void {
    for (let event = this.#next(); event !== null; event = this.#next()) {
      try {
        this.#serve(event);
      } catch (error) {
        rethrowLater(error); // a caller's callback threw: uncaught as anywhere else, but the events behind it are served
      } finally {
        this.K.rd_kafka_event_destroy(event);
      }
    }
  }

  #next(): Ptr | null {
    return this.#rk === null ? null : this.K.rd_kafka_queue_poll(this.main, 0);
  }

  #serve(event: Ptr): void {
    const type = this.K.rd_kafka_event_type(event);
    if (type === Event.DR) this.#hooks.onDeliveries?.(event);
    else if (type === Event.LOG) this.#log(event);
    else if (type === Event.ERROR) this.#onError(event);
    else if (type === Event.STATS) this.#options.onStatistics?.(JSON.parse(this.K.rd_kafka_event_stats(event) ?? "{}"));
    else this.#reply(event);
  }

  #reply(event: Ptr): void {
    const opaque = Number(this.K.rd_kafka_event_opaque(event) ?? 0);
    const pending = this.#pending.get(opaque);
    this.#pending.delete(opaque);
    const code = this.K.rd_kafka_event_error(event);
    try {
      if (code !== Code.NONE) throw this.error(code, this.K.rd_kafka_event_error_string(event));
      pending?.take(event);
    } catch (error) {
      pending?.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #log(event: Ptr): void {
    const base = ptr(this.#scratch);
    if (this.K.rd_kafka_event_log(event, base, at(base + 8), at(base + 16)) !== 0) return;
    const part = (offset: number) => this.redact(CString(at(read.ptr(base, offset))));
    const level = read.i32(base, 16); // syslog's: 3 and below are errors, 4 a warning, 7 debug
    const name = level <= 3 ? "error" : level === 4 ? "warn" : level <= 6 ? "info" : "debug";
    this.#options.logger?.[name](part(8), { facility: part(0), client: this.kind });
  }

  #onError(event: Ptr): void {
    const code = this.K.rd_kafka_event_error(event);
    const isFatal = this.K.rd_kafka_event_error_is_fatal(event) !== 0;
    if (isFatal && !this.#fatal) this.#hooks.onFatal?.();
    this.#fatal ||= isFatal;
    const error = this.error(code, this.K.rd_kafka_event_error_string(event));
    if (code !== Code.ALL_BROKERS_DOWN) this.#lastError = error; // that one names no address
    if (this.#fatal || code === Code.AUTHENTICATION || code === Code.SSL) this.#failPending(error);
    this.report(error);
  }

  /** Passes an error that stops nothing to the logger and to `onError`. */
  report(error: KafkaError): void {
    this.#options.logger?.error(error.message, { code: error.code, type: error.type, client: this.kind });
    this.#options.onError?.(error);
  }

  /** Waiting would not help: credentials and certificates do not get right by themselves. */
  #failPending(error: Error): void {
    for (const { fail } of this.#pending.values()) fail(error);
    this.#pending.clear();
  }

  async #free(): Promise<void> {
    await null; // called by a callback, we are inside `poll`, which still holds an event
    const rk = this.#rk;
    this.#rk = null;
    this.#failPending(new ClosedError(this.kind));
    for (const queue of this.#queues.splice(0)) {
      this.#wake.unwatch(queue);
      this.K.rd_kafka_queue_destroy(queue);
    }
    await Promise.all([destroyAside(this.K, this.#options.library.threads, rk), this.#wake.close()]);
  }
}

function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
