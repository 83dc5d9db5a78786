/**
 * Clients, as a process of their own. Raw sockets, and of most only the bytes are counted: a client that parsed all that
 * 1,000 streams carry would be slower than the server. Some are looked at frame by frame, every one when there is little.
 */
import type { Socket } from "bun";
import { answer, now } from "../harness/child.ts";

export type LoadQuestion =
  /** @property sampled every so-manieth client is looked at frame by frame */
  | { readonly ask: "open"; readonly port: number; readonly clients: number; readonly sampled: number }
  /** Reads the headers and nothing more. */
  | { readonly ask: "stuck"; readonly port: number }
  | { readonly ask: "start" }
  | { readonly ask: "result" };
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
const SENT = Buffer.from('"sent":"');
/** Bytes of the time and what is before it. */
const SENT_BYTES = SENT.length + 16;
/** Connections opened at once. */
const AT_ONCE = 100;

let latencies: number[] = [];
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
  return result();
});

async function open({ port, clients, sampled }: LoadQuestion & { ask: "open" }): Promise<void> {
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
  let at = 0;
  for (;;) {
    const found = text.indexOf(SENT, at);
    if (found < 0 || found + SENT_BYTES > text.length) {
      // The chunk is Bun's own buffer, and used again.
      peer.rest = Buffer.from(text.subarray(found < 0 ? Math.max(at, text.length - SENT.length + 1) : found));
      return;
    }
    at = found + SENT_BYTES;
    frames += 1;
    latencies.push(time - Number(text.toString("latin1", found + SENT.length, at)));
  }
}

function start(): void {
  [latencies, frames, sampledBytes, bytes, reads, lost] = [[], 0, 0, 0, 0, 0];
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
