/**
 * The mixed load of the soak, as a process of its own: of twenty requests 10 POST, 4 PATCH, 1 DELETE, 4 GET by id and 1 list.
 * It remembers what each 2xx promised, so that nothing acknowledged can go missing unseen.
 */
import type { Fact } from "../../test/chaos/verdict.ts";
import { answer } from "../harness/child.ts";

export type TrafficQuestion =
  /** Begins in the background. @property perSecond requests a second; undefined: as many as go */
  | { readonly ask: "begin"; readonly url: string; readonly perSecond: number | undefined; readonly seconds: number }
  /** What was since the last look. */
  | { readonly ask: "look" }
  /** Waits for the end of what was begun. */
  | { readonly ask: "end" }
  /** Writes what was acknowledged, a line of JSON each. */
  | { readonly ask: "dump"; readonly file: string };
export interface TrafficAnswer {
  readonly requests: number;
  /** Milliseconds from the moment that a request was due; queues before it count. */
  readonly latencies: number[];
  /** Answers that were not expected, since the beginning, and how often each came. */
  readonly failed: number;
  readonly failures: Record<string, number>;
}

interface Job {
  readonly tenant: string;
  readonly id: string;
}

const TENANTS = Array.from({ length: 20 }, () => crypto.randomUUID());
const LANES = 32;
/** Jobs that may be read, changed and deleted; the oldest are forgotten. */
const KNOWN = 5_000;

const known: Job[] = [];
const deleted = new Set<string>();
const acknowledged: Fact[] = [];
const failures: Record<string, number> = {};
let failed = 0;
let latencies: number[] = [];
let running: Promise<void> = Promise.resolve();

answer<TrafficQuestion, TrafficAnswer>(async (question) => {
  if (question.ask === "begin") running = run(question.url, question.perSecond, question.seconds);
  if (question.ask === "end") await running;
  if (question.ask === "dump") {
    await Bun.write(question.file, acknowledged.map((fact) => JSON.stringify(fact)).join("\n"));
  }
  const taken = latencies;
  latencies = [];
  return { requests: taken.length, latencies: taken, failed, failures };
});

/** Lanes that each take the next request that is due: a client that piles up thousands would be what is measured. */
async function run(url: string, perSecond: number | undefined, seconds: number): Promise<void> {
  const began = performance.now();
  const until = began + seconds * 1_000;
  let next = 0;
  const lane = async () => {
    for (;;) {
      const n = next++;
      const due = perSecond === undefined ? performance.now() : began + (n * 1_000) / perSecond;
      if (due > until) return;
      const wait = due - performance.now();
      if (wait > 0.5) await Bun.sleep(wait);
      await one(`${url}/api/crm/jobs`, n).catch((error: unknown) => fail(String(error)));
      latencies.push(performance.now() - due);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function one(base: string, n: number): Promise<void> {
  const kind = n % 20;
  const at = Math.floor(Math.random() * known.length);
  const job = known[at];
  if (kind < 10 || job === undefined) return await create(base, TENANTS[n % TENANTS.length] ?? "", n);
  if (kind < 14) return await change(base, job, n % 2 ? "Scheduled" : "Open");
  if (kind < 15) {
    known.splice(at, 1);
    deleted.add(job.id);
    const { status, text } = await call(`${base}/${job.id}`, "DELETE", job.tenant);
    if (status !== 204) return fail(`DELETE ${status} ${text}`);
    acknowledged.push({ aggregateId: job.id, version: -1, type: "JobDeleted" });
    return;
  }
  const { status, text } = await call(kind < 19 ? `${base}/${job.id}` : `${base}?limit=20`, "GET", job.tenant);
  if (status !== 200 && !(status === 404 && deleted.has(job.id))) fail(`GET ${status} ${text}`);
}

async function create(base: string, tenant: string, n: number): Promise<void> {
  const body = { title: `Replace compressor, rooftop unit ${n}`, tags: ["hvac"] };
  const { status, text } = await call(base, "POST", tenant, body);
  if (status !== 201) return fail(`POST ${status} ${text}`);
  const { id, version } = JSON.parse(text) as { id: string; version: number };
  acknowledged.push({ aggregateId: id, version, type: "JobCreated" });
  known.push({ tenant, id });
  if (known.length > KNOWN) known.splice(0, KNOWN / 5);
}

async function change(base: string, { id, tenant }: Job, to: string): Promise<void> {
  const { status, text } = await call(`${base}/${id}`, "PATCH", tenant, { status: to, title: `To be ${to}` });
  // Another lane may have deleted it meanwhile.
  if (status === 404 && deleted.has(id)) return;
  if (status !== 200) return fail(`PATCH ${status} ${text}`);
  acknowledged.push({
    aggregateId: id,
    version: (JSON.parse(text) as { version: number }).version,
    type: "JobUpdated",
  });
}

async function call(url: string, method: string, tenant: string, body?: unknown) {
  const key = method === "GET" ? {} : { "Idempotency-Key": crypto.randomUUID() };
  const headers = { "Content-Type": "application/json", "X-Tenant-Id": tenant, ...key };
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, text: await response.text() };
}

function fail(what: string): void {
  const short = what.slice(0, 200);
  failed += 1;
  failures[short] = (failures[short] ?? 0) + 1;
}
