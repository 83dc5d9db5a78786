/**
 * Clients of a whole server that come back when their stream ends, as a process of their own. Some note every event and when
 * it came, of the others the bytes alone are taken.
 */
import { answer, now } from "./child.ts";

export type FollowersQuestion =
  /** @property noting how many of the clients note what they see */
  | { readonly ask: "open"; readonly url: string; readonly clients: number; readonly noting: number }
  | { readonly ask: "count" }
  /** Writes what was noted, a line an event: the client's number, the event's id, milliseconds since 1970. */
  | { readonly ask: "dump"; readonly file: string };
export interface FollowersAnswer {
  /** Events noted, all noting clients together. */
  readonly events: number;
  /** Streams that ended and were opened again. */
  readonly reconnects: number;
}

/** Milliseconds before a stream that ended is opened again. */
const RETRY_MS = 200;
/** Streams opened at once. */
const AT_ONCE = 50;

const noted: string[] = [];
let reconnects = 0;

answer<FollowersQuestion, FollowersAnswer>(async (question) => {
  if (question.ask === "open") await open(question.url, question.clients, question.noting);
  if (question.ask === "dump") await Bun.write(question.file, noted.join("\n"));
  return { events: noted.length, reconnects };
});

async function open(url: string, clients: number, noting: number): Promise<void> {
  for (let i = 0; i < clients; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, clients - i) }, (_, j) => i + j);
    await Promise.all(some.map((client) => opened(url, client, client < noting)));
  }
}

/** Resolves when the client's first stream is open; it goes on by itself. */
function opened(url: string, client: number, isNoting: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  void follow(url, client, isNoting, resolve);
  return promise;
}

async function follow(url: string, client: number, isNoting: boolean, isOpen: () => void): Promise<void> {
  for (const at = { lastId: "" }; ; reconnects++) {
    const headers = { Accept: "text/event-stream", ...(at.lastId === "" ? {} : { "Last-Event-ID": at.lastId }) };
    const response = await fetch(`${url}/crm-events`, { headers }).catch(() => undefined);
    isOpen();
    if (response?.body) await read(response.body, client, isNoting, at).catch(() => {});
    await Bun.sleep(RETRY_MS);
  }
}

/** Reads to the end of the stream, or until it breaks; `at` goes along. */
async function read(body: ReadableStream<Uint8Array>, client: number, isNoting: boolean, at: { lastId: string }) {
  const text = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const time = now();
    const frames = (rest + text.decode(chunk, { stream: true })).split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      at.lastId = /^id: ?(.*)$/m.exec(frame)?.[1] ?? at.lastId;
      const id = isNoting ? /"eventId":"([0-9a-f-]{36})"/.exec(frame)?.[1] : undefined;
      if (id !== undefined) noted.push(`${client} ${id} ${time.toFixed(3)}`);
    }
  }
}
