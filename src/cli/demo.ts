import { isUuid } from "../uuid.ts";
import { type Context, defineCommand, JSON_OPTION } from "./command.ts";
import { Random } from "./demo/random.ts";
import { Sender, Tally } from "./demo/sender.ts";
import { Exit, type ExitCode, UsageError } from "./exit.ts";
import { REMOTE_ENVIRONMENT, Remote, wholeNumber } from "./remote.ts";
import { pause, untilTold } from "./told.ts";

/** Milliseconds between two looks at how far it is, on a terminal and elsewhere. */
const PROGRESS_MS = { terminal: 250, file: 10_000 } as const;

/** `aetherlink demo`. */
export const demo = defineCommand({
  name: "demo",
  summary: "send a running server a bounded stream of CRM traffic, so that its page has something to show",
  about:
    "Accounts, contacts and jobs of invented tenants are made, changed and deleted through the API; jobs go their way\n" +
    "from Open to Completed. It ends by itself. Ctrl-C ends it before; what was begun is finished.",
  options: {
    rate: { type: "string", value: "<n>", help: "requests a second, at most 500; default 5" },
    seconds: { type: "string", value: "<n>", help: "for how long, at most 86400; default 60" },
    tenants: { type: "string", value: "<n>", help: "invented tenants, at most 50; default 3" },
    tenant: {
      type: "string",
      value: "<uuid>",
      multiple: true,
      help: "this tenant instead, as a token allows it; repeatable",
    },
    seed: {
      type: "string",
      value: "<n>",
      help: "the same seed invents the same tenants and the same business; default 1",
    },
    url: { type: "string", value: "<url>", help: "the server; default AETHERLINK_URL, else the one on this machine" },
    json: JSON_OPTION,
  },
  examples: [
    ["demo", "five requests a second for a minute: open the page and watch"],
    ["demo --rate 50 --seconds 10 --tenants 10 --seed 7", "more of it, and other tenants"],
    ["demo --seconds 5 --json | jq .failed", "for a script"],
  ],
  failed: "the server cannot be reached, or it refused a request",
  environment: REMOTE_ENVIRONMENT,
  run: async (values, _, context) => {
    const plan = {
      rate: wholeNumber("rate", values.rate, 1, 500) ?? 5,
      seconds: wholeNumber("seconds", values.seconds, 1, 86_400) ?? 60,
      tenants: tenantsOf(
        values.tenant,
        wholeNumber("tenants", values.tenants, 1, 50) ?? 3,
        wholeNumber("seed", values.seed, 0, 999_999_999) ?? 1,
      ),
      seed: wholeNumber("seed", values.seed, 0, 999_999_999) ?? 1,
    };
    const remote = new Remote(values.url);
    const told = context.signal === undefined ? untilTold() : undefined;
    try {
      return await new Demo(plan, remote, context, values.json === true).run(context.signal ?? told?.signal);
    } finally {
      told?.forget();
    }
  },
});

interface Plan {
  readonly rate: number;
  readonly seconds: number;
  readonly tenants: readonly string[];
  readonly seed: number;
}

/** One run of it. */
class Demo {
  readonly #tally = new Tally();
  #began = 0;

  constructor(
    private readonly plan: Plan,
    private readonly remote: Remote,
    private readonly context: Context,
    private readonly json: boolean,
  ) {}

  async run(told: AbortSignal | undefined): Promise<ExitCode> {
    const { rate, seconds, tenants } = this.plan;
    const page = `${this.remote.shownUrl}/ops/crm-events`;
    if (!this.json)
      this.context.out(`${rate} requests a second for ${seconds} s, ${tenants.length} tenants; watch ${page}\n`);
    const end = new AbortController();
    const signal = told === undefined ? end.signal : AbortSignal.any([told, end.signal]);
    this.#began = performance.now();
    const every = this.context.errIsTerminal === true ? PROGRESS_MS.terminal : PROGRESS_MS.file;
    const progress = setInterval(() => this.#showProgress(), every);
    try {
      // One that cannot go on ends them all; what the others have begun is finished first.
      const ended = await Promise.allSettled(
        tenants.map((tenantId, i) =>
          this.#tenant(tenantId, i, signal).catch((error: unknown) => {
            end.abort();
            throw error;
          }),
        ),
      );
      const broken = ended.find((each) => each.status === "rejected");
      if (broken !== undefined) throw broken.reason;
    } finally {
      clearInterval(progress);
      if (this.context.errIsTerminal === true) this.context.err("\r\x1b[K");
    }
    this.#summarise(told?.aborted === true);
    return this.#tally.failed === 0 ? Exit.ok : Exit.failed;
  }

  /** A tenant's part of the requests, evenly spread; those of different tenants fall between one another. */
  async #tenant(tenantId: string, index: number, signal: AbortSignal): Promise<void> {
    const { rate, seconds, tenants, seed } = this.plan;
    const total = rate * seconds;
    const sender = new Sender({
      remote: this.remote,
      tenantId,
      seed: seed * 1_000 + index,
      tally: this.#tally,
      signal,
    });
    for (let n = index; n < total; n += tenants.length) {
      await pause(this.#began + (n / rate) * 1_000 - performance.now(), signal);
      // A server that is slow gets fewer requests, not the same number for longer.
      if (signal.aborted || performance.now() - this.#began > seconds * 1_000) return;
      await sender.send();
    }
  }

  get #elapsed(): number {
    return (performance.now() - this.#began) / 1_000;
  }

  #showProgress(): void {
    const { requests, events, failed } = this.#tally;
    const line = `${this.#elapsed.toFixed(0)} of ${this.plan.seconds} s: ${requests} requests, ${events} events, ${failed} failed`;
    this.context.err(this.context.errIsTerminal === true ? `\r\x1b[K${line}` : `${line}\n`);
  }

  #summarise(interrupted: boolean): void {
    const { requests, events, created, changed, statusChanges, deleted, retried, failed, lastFailure } = this.#tally;
    const seconds = Number(this.#elapsed.toFixed(1));
    if (this.json) {
      const { tenants, seed } = this.plan;
      const counts = { requests, events, created, changed, statusChanges, deleted, retried, failed };
      this.context.out(`${JSON.stringify({ ...counts, seconds, interrupted, seed, tenants })}\n`);
      return;
    }
    this.context.out(
      `${requests} requests in ${seconds} s made ${events} events: ${created} created, ${changed} changed, ` +
        `${statusChanges} of them in status, ${deleted} deleted; ${retried} sent again, ${failed} failed\n`,
    );
    if (lastFailure !== undefined) this.context.err(`${lastFailure}\n`);
  }
}

/** @throws {UsageError} */
function tenantsOf(given: readonly string[] | undefined, count: number, seed: number): readonly string[] {
  const malformed = given?.find((text) => !isUuid(text));
  if (malformed !== undefined) throw new UsageError(`--tenant is a UUID, not '${malformed.slice(0, 80)}'`);
  if (given !== undefined && given.length > 0) return given;
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.uuid());
}
