import { z } from "zod";
import type { CommandError } from "../exit.ts";
import { type Remote, unreachable } from "../remote.ts";
import { pause } from "../told.ts";
import { Business, type Request } from "./business.ts";
import { Random } from "./random.ts";

/** What was sent, and what came of it. */
export class Tally {
  requests = 0;
  created = 0;
  changed = 0;
  statusChanges = 0;
  deleted = 0;
  /** Sent again with the same Idempotency-Key after no answer, or one that asks for it. */
  retried = 0;
  failed = 0;
  /** Why the last that failed did. */
  lastFailure: string | undefined;

  /** Events that this makes: a change of status is one beside that of the change. */
  get events(): number {
    return this.created + this.changed + this.statusChanges + this.deleted;
  }

  count({ method, body }: Request): void {
    if (method === "POST") this.created += 1;
    else if (method === "DELETE") this.deleted += 1;
    else this.changed += 1;
    if (method === "PATCH" && body !== undefined && "status" in body) this.statusChanges += 1;
  }
}

/** Tries of one request, and milliseconds before the second; each later one waits twice as long. */
const TRIES = 5;
const RETRY_MS = 200;
/** Milliseconds that a request may take. */
const REQUEST_MS = 10_000;
/** Answers after which the same request, with the same key, may be sent again; others say so by Retry-After. */
const AGAIN = new Set([500, 502, 503, 504]);

const answerSchema = z.object({ id: z.string().optional(), status: z.string().optional() });

/** A request that was not done. */
interface Refusal {
  /** Whether the same may go well later. */
  readonly again: boolean;
  /** Whether no other request would go better. */
  readonly fatal: boolean;
  readonly error: CommandError;
}

export interface SenderOptions {
  readonly remote: Remote;
  readonly tenantId: string;
  readonly seed: number;
  readonly tally: Tally;
  /** No request is begun once it is aborted. */
  readonly signal: AbortSignal;
}

/** One tenant that does business: a request after the other. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #business: Business;
  /** Keys of another run are others: the same ones would be answered from the store. */
  readonly #run = crypto.randomUUID();
  #count = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#business = new Business(new Random(options.seed), Date.now);
  }

  /**
   * Sends the next request, again if need be.
   * @throws {CommandError} when the server cannot be reached, or does not let us in
   */
  async send(): Promise<void> {
    const { tally, signal } = this.#options;
    const request = this.#business.next();
    this.#count += 1;
    const key = `demo-${this.#run}-${this.#count}`;
    tally.requests += 1;
    for (let tries = 1; ; tries++) {
      const outcome = await this.#try(request, key);
      if (outcome === "done") return;
      // An address that never answered is mistaken; one that did is waited for.
      const isHopeless = !outcome.again || (outcome.fatal && tally.events === 0);
      if (tries === TRIES || signal.aborted || isHopeless) {
        this.#business.failed(request);
        tally.failed += 1;
        tally.lastFailure = outcome.error.message;
        if (outcome.fatal) throw outcome.error;
        return;
      }
      tally.retried += 1;
      await pause(RETRY_MS * 2 ** (tries - 1), signal);
    }
  }

  async #try(request: Request, key: string): Promise<"done" | Refusal> {
    const { remote, tally } = this.#options;
    let response: Response;
    try {
      response = await this.#fetch(request, key);
      if (response.ok) {
        const answer = response.status === 204 ? {} : answerSchema.parse(await response.json());
        this.#business.done(request, { ...answer, etag: response.headers.get("etag") ?? undefined });
        tally.count(request);
        return "done";
      }
    } catch (error) {
      return { again: true, fatal: true, error: unreachable(remote, error) };
    }
    const { status, headers } = response;
    const again = AGAIN.has(status) || headers.has("retry-after");
    return { again, fatal: status === 401 || status === 403, error: await remote.refusal(response) };
  }

  #fetch({ kind, method, id, etag, body }: Request, key: string): Promise<Response> {
    const { remote, tenantId } = this.#options;
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    return fetch(`${remote.url}/api/crm/${kind}${id === undefined ? "" : `/${id}`}`, {
      method,
      headers: remote.headers({
        "X-Tenant-Id": tenantId,
        "Idempotency-Key": key,
        ...(etag === undefined ? {} : { "If-Match": etag }),
        ...(body === undefined ? {} : { "Content-Type": type }),
      }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
  }
}
