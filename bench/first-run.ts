/**
 * What a newcomer feels: time from `bun run dev` to ready with a new and with a kept data folder, memory at rest, and
 * commit → SSE frame at rest. `bun bench/first-run.ts [rounds]`; prints a Markdown table and keeps it in RESULTS.md.
 */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { RunningServer } from "../test/support/server.ts";

const ROUNDS = Number(Bun.argv[2] ?? 5);
const POSTS = 300;
const REST_MS = 5_000;

interface Round {
  newFolderMs: number;
  keptFolderMs: number;
  /** From the request's being sent to the frame's arrival; the commit lies in between, so commit → frame is less. */
  sendToFrame: number[];
  /** From the answer's arrival to the frame's; below 0 when the frame was first. */
  answerToFrame: number[];
  rssMb: number;
}

const rounds: Round[] = [];
for (let i = 0; i < ROUNDS; i++) rounds.push(await measure());

const all = (pick: (round: Round) => number[]) => rounds.flatMap(pick).toSorted((a, b) => a - b);
const rows: [string, string, string][] = [
  ["`bun run dev` → ready, new data folder (ms)", spread(rounds.map((r) => r.newFolderMs)), "8,000"],
  ["`bun run dev` → ready, kept data folder (ms)", spread(rounds.map((r) => r.keptFolderMs)), "3,000"],
  ["request sent → SSE frame at rest, p50 / p99 (ms)", quantiles(all((r) => r.sendToFrame)), "5 (commit → frame, p50)"],
  ["201 received → SSE frame at rest, p50 / p99 (ms)", quantiles(all((r) => r.answerToFrame)), "100"],
  ["server memory at rest, RSS (MB)", spread(rounds.map((r) => r.rssMb)), "120"],
];
const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Bun ${Bun.version}`;
const table = [
  "## First run",
  "",
  `\`bun bench/first-run.ts\`, ${ROUNDS} rounds of ${POSTS} posts, ${new Date().toISOString().slice(0, 10)}, ${machine}. Median (lowest – highest).`,
  "",
  "| what | measured | bar |",
  "| --- | --- | --- |",
  ...rows.map((row) => `| ${row.join(" | ")} |`),
  "",
].join("\n");
process.stdout.write(`${table}\n`);
await Bun.write(
  join(import.meta.dir, "RESULTS.md"),
  `# Results of the benchmarks\n\nLast run of each; see the files beside this one.\n\n${table}`,
);

async function measure(): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
  await chmod(folder, 0o755);
  try {
    const [first, newFolderMs] = await start(folder);
    const { sendToFrame, answerToFrame } = await postAndWatch(first);
    await Bun.sleep(REST_MS);
    const rssMb = await residentMb(first);
    await first.stop();
    const [second, keptFolderMs] = await start(folder);
    await second.stop();
    return { newFolderMs, keptFolderMs, sendToFrame, answerToFrame, rssMb };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function start(folder: string): Promise<[RunningServer, number]> {
  const began = performance.now();
  const server = new RunningServer({ command: [process.execPath, "run", "dev"], env: { DATA_DIR: folder } });
  await server.ready();
  return [server, performance.now() - began];
}

/** One POST after the other, each after the frame of the one before. */
async function postAndWatch(server: RunningServer) {
  const stream = await server.stream();
  const sendToFrame: number[] = [];
  const answerToFrame: number[] = [];
  for (let i = 1; i <= POSTS; i++) {
    const sent = performance.now();
    const framed = stream.until((reader) => reader.events.length >= i).then(() => performance.now());
    const answered = fetch(`${server.url}/api/crm/jobs`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tenant-Id": "12345678-1234-1234-1234-123456789012" },
      body: JSON.stringify({ title: `Job ${i}` }),
    }).then(() => performance.now());
    const [frameAt, answerAt] = await Promise.all([framed, answered]);
    sendToFrame.push(frameAt - sent);
    answerToFrame.push(frameAt - answerAt);
  }
  await stream.close();
  return { sendToFrame, answerToFrame };
}

/** Memory of the server itself: the process that listens, not the `bun run` around it and not PostgreSQL. */
async function residentMb(server: RunningServer): Promise<number> {
  const pids = await new Response(
    Bun.spawn(["pgrep", "-P", String(server.process.pid)], { stdout: "pipe" }).stdout,
  ).text();
  const status = await readFile(`/proc/${pids.trim().split("\n")[0]}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

function spread(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `${round(at(sorted, 0.5))} (${round(at(sorted, 0))} – ${round(at(sorted, 1))})`;
}

function quantiles(sorted: number[]): string {
  return `${at(sorted, 0.5).toFixed(2)} / ${at(sorted, 0.99).toFixed(2)}`;
}

function at(sorted: number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? Number.NaN;
}

function round(value: number): string {
  return Math.round(value).toLocaleString("en");
}
