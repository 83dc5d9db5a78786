import { inventAccount, inventContact, inventJob, inventJobChange, phone } from "./invent.ts";
import type { Random } from "./random.ts";

type Kind = "accounts" | "contacts" | "jobs";

/** One request of the CRM API. */
export interface Request {
  readonly kind: Kind;
  readonly method: "POST" | "PATCH" | "DELETE";
  /** Of what is changed or deleted. */
  readonly id?: string;
  /** Its version as an ETag, so that nobody's change is overwritten. */
  readonly etag?: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** What the server answered to a request that it did. */
export interface Answer {
  readonly id?: string | undefined;
  readonly status?: string | undefined;
  readonly etag?: string | undefined;
}

interface Entity {
  readonly id: string;
  readonly accountId: string;
  status: string;
  etag: string;
}

/** The way of a job; what is done may be deleted. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  Open: ["Scheduled", "Scheduled", "InProgress", "Cancelled"],
  Scheduled: ["InProgress", "InProgress", "Open", "Cancelled"],
  InProgress: ["Completed", "Completed", "Completed", "Scheduled"],
};

/** What happens how often, of 100, once there is somebody to do business with. */
const WEIGHTS = [
  ["new account", 6],
  ["new contact", 12],
  ["new job", 24],
  ["status", 30],
  ["job", 13],
  ["contact", 6],
  ["account", 3],
  ["delete job", 5],
  ["delete contact", 1],
] as const;
type Step = (typeof WEIGHTS)[number][0];

/** Entities of one kind that a tenant keeps at most: beyond it older ones are left alone. */
const KEPT = 200;

/** One tenant's day: what it does next depends on chance and on what came of what it did before. */
export class Business {
  readonly #random: Random;
  readonly #now: () => number;
  readonly #accounts: Entity[] = [];
  readonly #contacts: Entity[] = [];
  readonly #jobs: Entity[] = [];
  /** Accounts that have or had jobs. */
  readonly #busy = new Set<string>();

  /** @param now milliseconds since 1970 */
  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  /** The next request; its answer has to be told by `done` or `failed` before the one after it. */
  next(): Request {
    const step = this.#step();
    return this.#request(step) ?? this.#request(this.#accounts.length === 0 ? "new account" : "new job") ?? never();
  }

  /** The server has done it. */
  done(request: Request, answer: Answer): void {
    const list = this.#listOf(request.kind);
    const known = list.find(({ id }) => id === request.id);
    if (request.method === "DELETE") this.#forget(request);
    else if (known !== undefined) {
      known.status = answer.status ?? known.status;
      known.etag = answer.etag ?? known.etag;
    } else if (answer.id !== undefined && answer.etag !== undefined) {
      const accountId = request.kind === "accounts" ? answer.id : String(request.body?.accountId);
      if (request.kind === "jobs") this.#busy.add(accountId);
      list.push({ id: answer.id, accountId, status: answer.status ?? "", etag: answer.etag });
      if (list.length > KEPT) list.shift();
    }
  }

  /** It was refused: what it was about is left alone from now on, somebody else may have changed it. */
  failed(request: Request): void {
    this.#forget(request);
  }

  #forget({ kind, id }: Request): void {
    const list = this.#listOf(kind);
    const at = list.findIndex((entity) => entity.id === id);
    if (at >= 0) list.splice(at, 1);
  }

  #step(): Step {
    if (this.#accounts.length < 2) return "new account";
    if (this.#contacts.length < 2) return "new contact";
    let left = this.#random.next() * WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [step, weight] of WEIGHTS) {
      left -= weight;
      if (left < 0) return step;
    }
    return "new job";
  }

  /** Undefined: there is nothing that it could be done to. */
  #request(step: Step): Request | undefined {
    const random = this.#random;
    switch (step) {
      case "new account":
        return { kind: "accounts", method: "POST", body: inventAccount(random) };
      case "new contact":
        return { kind: "contacts", method: "POST", body: inventContact(random, random.pick(this.#accounts).id) };
      case "new job":
        return { kind: "jobs", method: "POST", body: this.#newJob() };
      case "status":
        return this.#change(
          "jobs",
          ({ status }) => status in NEXT,
          ({ status }) => ({ status: random.pick(NEXT[status] ?? []) }),
        );
      case "job":
        return this.#change(
          "jobs",
          () => true,
          () => inventJobChange(random, this.#now()),
        );
      case "contact":
        return this.#change(
          "contacts",
          () => true,
          () => ({ phone: phone(random) }),
        );
      case "account":
        return this.#change(
          "accounts",
          () => true,
          () => ({ phone: phone(random) }),
        );
      case "delete job":
        return this.#remove("jobs", ({ status }) => !(status in NEXT));
      case "delete contact":
        // One that a job may name is in use, and would be refused.
        return this.#remove("contacts", ({ accountId }) => !this.#busy.has(accountId));
    }
  }

  #newJob(): Readonly<Record<string, unknown>> {
    const account = this.#random.pick(this.#accounts);
    const contact = this.#contacts.find(({ accountId }) => accountId === account.id);
    return inventJob(this.#random, account.id, contact?.id, this.#now());
  }

  #change(
    kind: Kind,
    fits: (entity: Entity) => boolean,
    body: (entity: Entity) => Request["body"],
  ): Request | undefined {
    const found = this.#listOf(kind).filter(fits);
    if (found.length === 0) return undefined;
    const entity = this.#random.pick(found);
    return { kind, method: "PATCH", id: entity.id, etag: entity.etag, body: body(entity) ?? {} };
  }

  #remove(kind: Kind, fits: (entity: Entity) => boolean): Request | undefined {
    const found = this.#listOf(kind).filter(fits);
    if (found.length === 0) return undefined;
    const { id, etag } = this.#random.pick(found);
    return { kind, method: "DELETE", id, etag };
  }

  #listOf(kind: Kind): Entity[] {
    return { accounts: this.#accounts, contacts: this.#contacts, jobs: this.#jobs }[kind];
  }
}

function never(): never {
  throw new Error("a business without accounts makes one first");
}
