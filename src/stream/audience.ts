import { Chunk } from "./chunk.ts";
import type { Client } from "./client.ts";
import { audienceKey, compile, type Filter, type Matches } from "./filter.ts";
import { type Frame, joinBytes } from "./frame.ts";
import type { Viewer } from "./viewer.ts";

/** Clients that are sent the same: one look at each event, one chunk for all of them. */
export class Audience {
  /** Those that have caught up. */
  readonly live = new Set<Client>();
  /** Open streams, those that are still catching up included. */
  members = 0;

  /** @param matches undefined: everything */
  constructor(
    readonly key: string,
    readonly matches: Matches | undefined,
  ) {}

  /** True when a frame of the past is for these clients. */
  wants(frame: Frame): boolean {
    const isWanted = this.matches === undefined || this.matches(frame);
    frame.rest();
    return isWanted;
  }

  /**
   * Hands all live clients those of the frames that are for them, as one chunk.
   * @returns events handed over, counted for each client
   */
  deliver(frames: readonly Frame[], everything: Chunk): number {
    // Taken before, for sending may end a client.
    const clients = this.live.size;
    if (clients === 0) return 0;
    const wanted = this.matches === undefined ? frames : frames.filter(this.matches);
    if (wanted.length === 0) return 0;
    const isAll = wanted.length === frames.length;
    const chunk = isAll ? everything : new Chunk(joinBytes(wanted.map((frame) => frame.bytes)));
    for (const client of this.live) client.send(chunk);
    return wanted.length * clients;
  }
}

/** Audiences with members, by what they are sent. */
export class Audiences {
  readonly #byKey = new Map<string, Audience>();

  /** Counts a new member in. */
  join(viewer: Viewer, filter: Filter): Audience {
    const key = audienceKey(viewer, filter);
    const audience = this.#byKey.get(key) ?? new Audience(key, compile(viewer, filter));
    audience.members += 1;
    this.#byKey.set(key, audience);
    return audience;
  }

  leave(audience: Audience, client: Client): void {
    audience.live.delete(client);
    audience.members -= 1;
    if (audience.members === 0) this.#byKey.delete(audience.key);
  }

  /** Evaluates each distinct filter once and hands out the bytes. Returns the number of events handed over, for each client. */
  deliver(frames: readonly Frame[]): number {
    const everything = new Chunk(joinBytes(frames.map((frame) => frame.bytes)));
    let deliveries = 0;
    for (const audience of this.#byKey.values()) deliveries += audience.deliver(frames, everything);
    for (const frame of frames) frame.rest();
    return deliveries;
  }
}
