import { Chunk } from "../stream/chunk.ts";
import { Client } from "../stream/client.ts";
import type { AuditEntry } from "./audit.ts";

/** Streams open at once, in each server process: people who watch, not programs in numbers. */
const MAX_CLIENTS = 200;
/** Bytes that may wait for a client; one further behind is cut off and comes back. */
const BUFFER_BYTES = 1_048_576;
const STALL_MS = 60_000;
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;

const encoder = new TextEncoder();

interface Watcher {
  /** Entries that came while what the client missed was being read; undefined from then on. */
  held: AuditEntry[] | undefined;
  /** Ids of what it was sent as missed. */
  readonly sent: Set<string>;
}

/** Streams of the audit, as Server-Sent Events named `decision`; their id is the entry's. */
export class Feed {
  readonly #clients = new Map<Client, Watcher>();
  /** From the first client on. */
  #heart: Timer | undefined;

  /** True when no more streams may be opened. */
  get isFull(): boolean {
    return this.#clients.size >= MAX_CLIENTS;
  }

  /**
   * Opens a stream. What comes while `missed` is being read is held back, and nothing is sent twice.
   * @param missed reads the entries that the client has not seen, oldest first
   * @param until when the caller's permission ends
   */
  async open(
    missed: () => Promise<readonly AuditEntry[]>,
    until: Date | undefined,
    ended: () => void,
  ): Promise<Client> {
    const lifetime =
      until === undefined ? undefined : setTimeout(() => client.close(), Math.max(0, until.getTime() - Date.now()));
    const client: Client = new Client({
      bufferBytes: BUFFER_BYTES,
      stallMs: STALL_MS,
      ended: () => {
        clearTimeout(lifetime);
        this.#clients.delete(client);
        ended();
      },
    });
    const watcher: Watcher = { held: [], sent: new Set() };
    this.#clients.set(client, watcher);
    this.#heart ??= setInterval(() => this.#send(": heartbeat\n\n"), HEARTBEAT_MS);
    try {
      const past = await missed();
      for (const { id } of past) watcher.sent.add(id);
      const held = watcher.held?.filter(({ id }) => !watcher.sent.has(id)) ?? [];
      watcher.held = undefined;
      client.send(
        chunk(`retry: ${RETRY_MS}\n: aetherlink autoheal\n\n${[...past, ...held].map(encodeEntry).join("")}`),
      );
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** New entries, oldest first. */
  tell(entries: readonly AuditEntry[]): void {
    if (entries.length === 0) return;
    const all = chunk(entries.map(encodeEntry).join(""));
    for (const [client, { held, sent }] of [...this.#clients]) {
      if (held !== undefined) held.push(...entries);
      else if (sent.size === 0) client.send(all);
      else {
        const fresh = entries.filter(({ id }) => !sent.has(id));
        if (fresh.length > 0) client.send(chunk(fresh.map(encodeEntry).join("")));
      }
    }
  }

  /** Ends all streams. Safe twice. */
  stop(): void {
    clearInterval(this.#heart);
    this.#heart = undefined;
    for (const client of [...this.#clients.keys()]) client.close();
  }

  #send(text: string): void {
    const bytes = chunk(text);
    for (const [client, { held }] of this.#clients) if (held === undefined) client.send(bytes);
  }
}

function chunk(text: string): Chunk {
  return new Chunk(encoder.encode(text));
}

/** JSON holds no line break. */
function encodeEntry(entry: AuditEntry): string {
  return `event: decision\nid: ${entry.id}\ndata: ${JSON.stringify(entry)}\n\n`;
}
