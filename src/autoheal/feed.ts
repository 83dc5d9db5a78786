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
/** Entries that may be told while they are read from the audit as well. */
const REMEMBERED = 2_000;

const encoder = new TextEncoder();

interface Watcher {
  /** Entries that came while what the client missed was being read; undefined from then on. */
  held: AuditEntry[] | undefined;
  /** Ids of what it was sent last as missed: they may be told once more. */
  sent: ReadonlySet<string>;
}

/** What a client wants of the past. */
export interface Past {
  /** Id of the last entry that it has; undefined when it wants only what comes. */
  readonly after: string | undefined;
  /** Reads the next entries behind an id, oldest first; none when there are no more. */
  page(after: string): Promise<readonly AuditEntry[]>;
}

/** Streams of the audit, as Server-Sent Events named `decision`; their id is the entry's. */
export class Feed {
  readonly #clients = new Map<Client, Watcher>();
  /** From the first client on. */
  #heart: Timer | undefined;

  /** After `stop`, when one that came now would keep the server from ending. */
  #isStopped = false;

  /** True when no more streams may be opened. */
  get isFull(): boolean {
    return this.#isStopped || this.#clients.size >= MAX_CLIENTS;
  }

  start(): void {
    this.#isStopped = false;
  }

  /**
   * Opens a stream. What comes while the client is sent what it missed is held back: nothing is missing, and nothing is sent
   * twice. Rejects when the past cannot be read.
   * @param until when the caller's permission ends
   */
  async open(past: Past, until: Date | undefined, ended: () => void): Promise<Client> {
    const lifetime = until && setTimeout(() => client.close(), Math.max(0, until.getTime() - Date.now()));
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
      const first = past.after === undefined ? [] : await past.page(past.after);
      client.send(chunk(`retry: ${RETRY_MS}\n: aetherlink autoheal\n\n`));
      void this.#catchUp(client, watcher, past, first).catch(() => client.close());
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** No faster than the client takes it. */
  async #catchUp(client: Client, watcher: Watcher, past: Past, first: readonly AuditEntry[]): Promise<void> {
    const sent: string[] = [];
    for (let page = first; page.length > 0; page = await past.page(sent.at(-1) ?? "0")) {
      for (const entry of page) {
        client.send(chunk(encodeEntry(entry)));
        sent.push(entry.id);
        await client.room();
        if (client.isEnded) return;
      }
    }
    watcher.sent = new Set(sent.slice(-REMEMBERED));
    const held = watcher.held?.filter(({ id }) => !watcher.sent.has(id)) ?? [];
    watcher.held = undefined;
    if (held.length > 0) client.send(chunk(held.map(encodeEntry).join("")));
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
    this.#isStopped = true;
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
