import { Chunk } from "./chunk.ts";
import type { Client } from "./client.ts";
import { encodeBeat, encodeNamed } from "./frame.ts";

/** How a client wants its heartbeats: as comments, which a program never sees, or as events named `heartbeat`. */
export type Heartbeat = "comment" | "event";

/** Who is sent heartbeats. */
export interface Beating {
  readonly client: Client;
  readonly heartbeat: Heartbeat;
}

export interface HeartOptions<T> {
  /** Milliseconds since 1970. */
  now(): number;
  /** SSE id of where live clients stand. */
  position(): string;
  /** False while a client is still sent the past. */
  isLive(member: T): boolean;
}

/** Milliseconds between two beats, each for a part of the clients: 10,000 at once would hold up the events for 50 ms. */
const BEAT_MS = 250;

/** Sends every client a sign of life at a steady pace, and with it where it stands, for who is sent few of the events. */
export class Heart<T extends Beating> {
  readonly #parts: Set<T>[];
  #next = 0;
  #timer: Timer | undefined;

  constructor(
    readonly periodMs: number,
    private readonly options: HeartOptions<T>,
  ) {
    this.#parts = Array.from({ length: Math.max(1, Math.floor(periodMs / BEAT_MS)) }, () => new Set<T>());
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#beat(), this.periodMs / this.#parts.length);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The new one's first beat is a whole period away. */
  add(member: T): () => void {
    const part = this.#parts[(this.#next + this.#parts.length - 1) % this.#parts.length];
    part?.add(member);
    return () => part?.delete(member);
  }

  /** Sends one client a beat now. */
  beat(member: T): void {
    this.#send([member]);
  }

  #beat(): void {
    const part = this.#parts[this.#next];
    this.#next = (this.#next + 1) % this.#parts.length;
    if (part !== undefined && part.size > 0) this.#send(part);
  }

  #send(members: Iterable<T>): void {
    const time = new Date(this.options.now()).toISOString();
    const live = beats(time, this.options.position());
    const past = beats(time, undefined);
    for (const member of members) {
      const { [member.heartbeat]: chunk } = this.options.isLive(member) ? live : past;
      member.client.send(chunk);
    }
  }
}

/** @param id where clients stand; undefined for those that are not live yet */
function beats(time: string, id: string | undefined): Record<Heartbeat, Chunk> {
  const data = JSON.stringify({ time, live: id !== undefined });
  return { comment: new Chunk(encodeBeat(id)), event: new Chunk(encodeNamed("heartbeat", id, data)) };
}
