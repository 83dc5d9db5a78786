/**
 * A client of HTTP/1.1 that costs little beside what it measures: requests are bytes on sockets that stay open, answers are
 * looked at for status and length only. Runs in a process of its own, which reads a `Load` from its standard input.
 */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second, each measured from the moment it was due; else as many as go. */
  readonly perSecond?: number;
  /** Head and body with `{key}` where a new UUID goes; taken in turn. */
  readonly requests: readonly { readonly head: string; readonly body: string }[];
}

export type LoadResult = {
  readonly perSecond: number;
  readonly answers: number;
  /** Answers that were no 2xx. */
  readonly failed: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Cores that the client used, and its memory at the end, MB of 2^20 bytes. */
  readonly cores: number;
  readonly peakMb: number;
};

/** Runs a load in a process of its own. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const command = [process.execPath, import.meta.path];
  const child = Bun.spawn(command, { stdin: Buffer.from(JSON.stringify(load)), stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await new Response(child.stdout).text()) as LoadResult;
}

/** A request as it stands on the wire. */
export function request(
  method: string,
  path: string,
  headers: Record<string, string>,
  body = "",
): Load["requests"][number] {
  const all = {
    Host: "bench",
    ...headers,
    ...(body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return { head: `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`, body };
}

interface Connection {
  received: string;
  answered: (status: number) => void;
}

async function main({ url, connections, seconds, perSecond, requests }: Load): Promise<LoadResult> {
  const { hostname, port } = new URL(url);
  const latencies: number[] = [];
  let failed = 0;
  let next = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  const lane = async () => {
    const state: Connection = { received: "", answered: () => {} };
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: { data: (_, bytes) => take(state, bytes) },
    });
    for (;;) {
      const n = next++;
      const due = perSecond === undefined ? performance.now() : began + (n * 1_000) / perSecond;
      if (due >= end) break;
      const wait = due - performance.now();
      if (wait > 0.5) await Bun.sleep(wait);
      const { head, body } = requests[n % requests.length] ?? { head: "", body: "" };
      const status = await new Promise<number>((resolve) => {
        state.answered = resolve;
        socket.write(head.replace("{key}", crypto.randomUUID()) + body);
      });
      latencies.push(performance.now() - due);
      if (status < 200 || status > 299) failed++;
    }
    socket.end();
  };
  await Promise.all(Array.from({ length: connections }, lane));
  const elapsed = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (q: number) => sorted[Math.floor(sorted.length * q)] ?? Number.NaN;
  const cores = (user + system) / 1e6 / elapsed;
  const peakMb = process.memoryUsage.rss() / 2 ** 20;
  return {
    perSecond: latencies.length / elapsed,
    answers: latencies.length,
    failed,
    p50: at(0.5),
    p99: at(0.99),
    cores,
    peakMb,
  };
}

function take(state: Connection, bytes: Buffer): void {
  state.received += bytes.toString("latin1");
  const headEnd = state.received.indexOf("\r\n\r\n");
  if (headEnd === -1) return;
  const head = state.received.slice(0, headEnd);
  const [, length = "0"] = /\r\ncontent-length: (\d+)/i.exec(head) ?? [];
  if (state.received.length < headEnd + 4 + Number(length)) return;
  state.received = "";
  state.answered(Number(head.slice(9, 12)));
}

if (import.meta.main) process.stdout.write(JSON.stringify(await main(JSON.parse(await Bun.stdin.text()) as Load)));
