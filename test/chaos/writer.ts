import { z } from "zod";
import type { Random } from "./random.ts";
import type { Fact } from "./verdict.ts";

/** Something that takes requests. */
export interface Target {
  readonly url: string;
}

/** A write, as a client makes it. */
export interface Write {
  readonly method: "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** A success: the body's id and version, where there is a body. */
interface Done {
  readonly id: string;
  readonly version: number;
  readonly status: string;
}

const LANES = 8;
/** Milliseconds: shorter than a freeze, so that a client goes to the other server. */
const REQUEST_MS = 3_000;
const STATUSES = ["Open", "Scheduled", "InProgress", "Completed", "Cancelled"] as const;
const job = z.object({ id: z.string(), version: z.number(), status: z.string() });
const problem = z.object({ type: z.string(), status: z.number(), title: z.string() });

/**
 * Clients that create, change and delete jobs, and do not give up: a write whose fate is unknown is sent again with its key,
 * to either server, until it is acknowledged.
 */
export class Writer {
  /** The events that the servers have promised by their answers. */
  readonly acknowledged: Fact[] = [];
  /** Answers that say "try again". */
  readonly refusals: { readonly status: number; readonly at: number }[] = [];
  /** Answers that no client should have got: neither a success nor a problem that a retry mends. */
  readonly wrong: string[] = [];
  retries = 0;
  #stopping = false;
  #givingUp = false;
  #lanes: Promise<void>[] = [];
  #keys = 0;

  constructor(
    private readonly targets: readonly Target[],
    readonly tenantId: string,
    private readonly random: Random,
  ) {}

  start(): void {
    this.#lanes = Array.from({ length: LANES }, () => this.#work());
  }

  /** Resolves when every write under way is acknowledged; gives up what is not in time, and says how many those were. */
  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    const timer = setTimeout(() => {
      this.#givingUp = true;
    }, ms);
    await Promise.all(this.#lanes);
    clearTimeout(timer);
  }

  /** Writes until it is acknowledged. Undefined only when the run gave up. */
  async write(write: Write, key = this.newKey()): Promise<Done | undefined> {
    const done = await this.send(write, key, () => this.random.pick(this.targets));
    if (done !== undefined && write.method === "POST") this.note(done, "JobCreated");
    return done;
  }

  /** Notes what an acknowledged write has promised. */
  note({ id, version }: { id: string; version: number }, type: string): void {
    this.acknowledged.push({ aggregateId: id, version, type });
  }

  newKey(): string {
    return `${this.tenantId}-${++this.#keys}`;
  }

  /** One write with one key, again and again; notes nothing. */
  async send(write: Write, key: string, choose: () => Target): Promise<Done | undefined> {
    for (;;) {
      const { done } = await this.#ask(write, key, choose().url);
      if (done !== undefined) return done;
      if (this.#givingUp) {
        this.wrong.push(`${write.method} ${write.path} was not acknowledged in time`);
        return undefined;
      }
      this.retries++;
      await Bun.sleep(this.random.between(20, 120));
    }
  }

  /** One write, sent once, whose answer is only noted: its status, or 0 when there was none. What it promised is recorded. */
  async once(write: Write, target: Target): Promise<number> {
    const { status, done } = await this.#ask(write, this.newKey(), target.url);
    if (done !== undefined) this.note(done, "JobCreated");
    return status;
  }

  /** Without `done` it is to be tried again; status 0 is no answer. */
  async #ask({ method, path, body }: Write, key: string, url: string): Promise<{ status: number; done?: Done }> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}/api/crm/jobs${path}`, {
        method,
        headers: {
          "X-Tenant-Id": this.tenantId,
          "Idempotency-Key": key,
          "Content-Type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
        },
        signal: AbortSignal.timeout(REQUEST_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch {
      return { status: 0 };
    }
    const { status } = response;
    if (status === 204) return { status, done: { id: path.slice(1), version: 0, status: "" } };
    if (response.ok) return { status, done: job.parse(JSON.parse(text)) };
    this.refusals.push({ status, at: performance.now() });
    if (!isRetriable(response, text)) {
      this.wrong.push(`${method} ${path} was answered ${status}: ${text.slice(0, 300)}`);
    }
    return { status };
  }

  /** One client: a job of its own at a time, so it knows which version comes next. */
  async #work(): Promise<void> {
    while (!this.#stopping) {
      const title = `Job ${this.random.between(1, 1_000_000)}`;
      let last = await this.write({ method: "POST", path: "", body: { title } });
      const changes = this.random.between(1, 6);
      for (let n = 0; n < changes && last !== undefined && !this.#stopping; n++) {
        await Bun.sleep(this.random.between(5, 40));
        last = await this.change(last);
      }
      if (last !== undefined && this.random.next() < 0.3) await this.#delete(last);
      await Bun.sleep(this.random.between(5, 40));
    }
  }

  /** A merge patch of a job, of its title or of its status as well. */
  async change(before: Done): Promise<Done | undefined> {
    const status = this.random.next() < 0.4 ? this.random.pick(STATUSES) : before.status;
    const body = { title: `Job ${this.random.between(1, 1_000_000)}`, status };
    const done = await this.write({ method: "PATCH", path: `/${before.id}`, body });
    if (done === undefined) return undefined;
    if (done.version !== before.version + 1) {
      this.wrong.push(`PATCH of ${before.id} made version ${done.version} out of ${before.version}`);
    }
    this.note(done, "JobUpdated");
    if (status !== before.status) this.note(done, "JobStatusChanged");
    return done;
  }

  async #delete({ id, version }: Done): Promise<void> {
    const done = await this.write({ method: "DELETE", path: `/${id}` });
    if (done !== undefined) this.note({ id, version: version + 1 }, "JobDeleted");
  }
}

/** 503, and 409 while the first request with the key is still at work: each a problem by RFC 9457. */
function isRetriable(response: Response, text: string): boolean {
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) return false;
  const { success, data } = problem.safeParse(JSON.parse(text));
  if (!success || data.status !== response.status) return false;
  return response.status === 503 || (response.status === 409 && data.type.endsWith("idempotency-key-busy"));
}
