/**
 * Clients of a whole server that come back when their stream ends, as a process of their own. Some note every event and when
 * it came, of the others the bytes alone are taken.
 */
import { appendFile } from "node:fs/promises";
import { answer, now } from "../harness/child.ts";

export type FollowersQuestion =
  /**
   * @property noting how many of the clients note what they see
   * @property file where a noting client's events go, a line of JSON each: `at` in milliseconds since 1970, and the event
   */
  | {
      readonly ask: "open";
      readonly url: string;
      readonly clients: number;
      readonly noting: number;
      readonly file: string;
    }
  /** Writes what was noted until now. */
  | { readonly ask: "flush" };
export interface FollowersAnswer {
  /** Events noted, all noting clients together. */
  readonly events: number;
  /** Streams that ended and were opened again. */
  readonly reconnects: number;
  /** Times that a noting client was told that its place is gone. */
  readonly resets: number;
  readonly bytes: number;
}

/** Milliseconds before a stream that ended is opened again. */
const RETRY_MS = 200;
/** Streams opened at once. */
const AT_ONCE = 50;
/** Milliseconds between two writes of what was noted. */
const FLUSH_MS = 5_000;
const EVENT = /"value":(\{"eventId".*\}),"headers":/;

let noted: string[] = [];
let file = "";
let events = 0;
let reconnects = 0;
let resets = 0;
let bytes = 0;

answer<FollowersQuestion, FollowersAnswer>(async (question) => {
  if (question.ask === "open") {
    file = question.file;
    await Bun.write(file, "");
    await open(question.url, question.clients, question.noting);
    setInterval(flush, FLUSH_MS);
  } else await flush();
  return { events, reconnects, resets, bytes };
});

let flushing: Promise<void> = Promise.resolve();
/** One write after the other, so that the order of arrival stays. */
function flush(): Promise<void> {
  const text = noted.map((line) => `${line}\n`).join("");
  noted = [];
  flushing = flushing.then(() => appendFile(file, text));
  return flushing;
}

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
    bytes += chunk.length;
    const time = now();
    const frames = (rest + text.decode(chunk, { stream: true })).split("\n\n");
    rest = frames.pop() ?? "";
    const last = frames.findLast((frame) => frame.startsWith("id:"));
    at.lastId = /^id: ?(.*)$/m.exec(last ?? "")?.[1] ?? at.lastId;
    if (!isNoting) continue;
    for (const frame of frames) {
      if (/^event: ?reset$/m.test(frame)) resets += 1;
      const event = EVENT.exec(frame)?.[1];
      if (event === undefined) continue;
      events += 1;
      noted.push(`{"client":${client},"at":${time.toFixed(3)},"event":${event}}`);
    }
  }
}
