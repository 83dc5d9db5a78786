/**
 * Clients, as a process of their own. Raw sockets, and of most only the bytes are counted: a client that parsed all that
 * 1,000 streams carry would be slower than the server. Some are looked at frame by frame, every one when there is little.
 */
import type { Socket } from "bun";
import { answer, now } from "../harness/child.ts";

export type LoadQuestion =
  /**
   * @property sampled every so-manieth client is looked at frame by frame
   * @property notes what is taken from a frame: the time at which it was sent, by default, or which event came when
   */
  | {
      readonly ask: "open";
      readonly port: number;
      readonly clients: number;
      readonly sampled: number;
      readonly notes?: "sent" | "events";
    }
  /** Reads the headers and nothing more. */
  | { readonly ask: "stuck"; readonly port: number }
  | { readonly ask: "start" }
  | { readonly ask: "result" }
  /** Writes the events that came since the start, a line each: its id, and when it came in milliseconds since 1970. */
  | { readonly ask: "dump"; readonly file: string };
export interface LoadAnswer {
  /** Frames that the sampled clients saw since the start, and the bytes of those and of all. */
  readonly frames: number;
  readonly sampledBytes: number;
  readonly bytes: number;
  /** Times that bytes came, of all clients. */
  readonly reads: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Connections that the server ended. */
  readonly lost: number;
}

interface Peer {
  readonly isSampled: boolean;
  /** The last bytes of the chunk before, in which a frame may have begun. */
  rest: Buffer;
}

const REQUEST = "GET /crm-events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
/** What stands before what is taken from a frame, and how many bytes are taken. */
const MARKS = {
  sent: { before: Buffer.from('"sent":"'), bytes: 16 },
  events: { before: Buffer.from('"eventId":"'), bytes: 36 },
};
/** Connections opened at once. */
const AT_ONCE = 100;

let notes: keyof typeof MARKS = "sent";
let latencies: number[] = [];
let events: string[] = [];
let frames = 0;
let sampledBytes = 0;
let bytes = 0;
let reads = 0;
let lost = 0;
let began = performance.now();
const sockets: Socket<Peer>[] = [];

answer<LoadQuestion, LoadAnswer>(async (question) => {
  if (question.ask === "open") await open(question);
  else if (question.ask === "stuck") await connect(question.port, false, true);
  else if (question.ask === "start") start();
  else if (question.ask === "dump") await Bun.write(question.file, events.join("\n"));
  return result();
});

async function open(question: LoadQuestion & { ask: "open" }): Promise<void> {
  const { port, clients, sampled } = question;
  notes = question.notes ?? "sent";
  for (let i = 0; i < clients; i += AT_ONCE) {
    const count = Math.min(AT_ONCE, clients - i);
    await Promise.all(Array.from({ length: count }, (_, j) => connect(port, (i + j) % sampled === 0, false)));
  }
}

/** Resolves when the first bytes came. */
async function connect(port: number, isSampled: boolean, isStuck: boolean): Promise<void> {
  const answered = Promise.withResolvers<void>();
  const socket = await Bun.connect<Peer>({
    hostname: "127.0.0.1",
    port,
    data: { isSampled, rest: Buffer.alloc(0) },
    socket: {
      data: (socket, chunk) => {
        answered.resolve();
        if (isStuck) socket.pause();
        else take(socket.data, chunk);
      },
      close: () => {
        lost += 1;
        answered.resolve();
      },
    },
  });
  sockets.push(socket);
  socket.write(REQUEST);
  await answered.promise;
}

function take(peer: Peer, chunk: Buffer): void {
  bytes += chunk.length;
  reads += 1;
  if (!peer.isSampled) return;
  sampledBytes += chunk.length;
  const time = now();
  const text = peer.rest.length > 0 ? Buffer.concat([peer.rest, chunk]) : chunk;
  const { before, bytes: taken } = MARKS[notes];
  let at = 0;
  for (;;) {
    const found = text.indexOf(before, at);
    const end = found + before.length + taken;
    if (found < 0 || end > text.length) {
      // The chunk is Bun's own buffer, and used again.
      peer.rest = Buffer.from(text.subarray(found < 0 ? Math.max(at, text.length - before.length + 1) : found));
      return;
    }
    at = end;
    frames += 1;
    const value = text.toString("latin1", found + before.length, end);
    if (notes === "sent") latencies.push(time - Number(value));
    else events.push(`${value} ${time.toFixed(3)}`);
  }
}

function start(): void {
  [latencies, events, frames, sampledBytes, bytes, reads, lost] = [[], [], 0, 0, 0, 0, 0];
  began = performance.now();
}

function result(): LoadAnswer {
  const seconds = (performance.now() - began) / 1_000;
  const sorted = Float64Array.from(latencies).sort();
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
  return {
    frames,
    sampledBytes,
    bytes,
    reads,
    seconds,
    p50: quantile(0.5),
    p99: quantile(0.99),
    max: quantile(1),
    lost,
  };
}
