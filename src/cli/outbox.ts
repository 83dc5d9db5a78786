import { hostname, userInfo } from "node:os";
import { type OutboxCommand, outboxCommand } from "../outbox/index.ts";
import { isUuid } from "../uuid.ts";
import { type Context, defineCommand, JSON_OPTION, quote, see } from "./command.ts";
import { withDatabase } from "./database.ts";
import { Exit, type ExitCode, UsageError } from "./exit.ts";

const NO_SUCH = "one of the events is no dead letter; the others are decided all the same";

const DECISION = {
  all: { type: "boolean", help: "every dead letter" },
  reason: { type: "string", help: "why, for the audit" },
  json: JSON_OPTION,
} as const;

/** `aetherlink outbox list`. */
export const outboxList = defineCommand({
  name: "outbox list",
  summary: "what waits to be published, and the dead letters",
  options: { json: JSON_OPTION },
  examples: [
    ["outbox list", "how far behind the relay is, and what it gave up"],
    ["outbox list --json | jq -r '.data[].eventId'", "only the dead letters' ids"],
  ],
  environment: ["DATABASE_URL", "DATABASE_SESSION_URL"],
  run: ({ json = false }, _, context) =>
    outbox({ action: "list", eventIds: [], all: false, json, reason: undefined }, context),
});

/** `aetherlink outbox requeue`. */
export const outboxRequeue = defineCommand({
  name: "outbox requeue",
  summary: "give dead letters five new tries; what waits behind them follows",
  args: "<event-id>… | --all",
  options: DECISION,
  examples: [
    ["outbox requeue 0199c0de-0000-7000-8000-000000000001", "one event"],
    ["outbox requeue --all --reason 'message.max.bytes was raised'", "all, once their cause is mended"],
  ],
  no: NO_SUCH,
  environment: ["DATABASE_URL", "DATABASE_SESSION_URL"],
  run: (values, eventIds, context) => decide("requeue", values, eventIds, context),
});

/** `aetherlink outbox discard`. */
export const outboxDiscard = defineCommand({
  name: "outbox discard",
  summary: "give dead letters up: they are never published, what waits behind them is",
  args: "<event-id>… | --all",
  options: DECISION,
  examples: [
    [
      "outbox discard 0199c0de-0000-7000-8000-000000000001 --reason 'sent by hand'",
      "one event, with a word for the audit",
    ],
  ],
  no: NO_SUCH,
  environment: ["DATABASE_URL", "DATABASE_SESSION_URL"],
  run: (values, eventIds, context) => decide("discard", values, eventIds, context),
});

interface Decision {
  readonly all?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly reason?: string | undefined;
}

async function decide(
  action: "requeue" | "discard",
  { all = false, json = false, reason }: Decision,
  eventIds: string[],
  context: Context,
): Promise<ExitCode> {
  const name = `outbox ${action}`;
  const malformed = eventIds.find((id) => !isUuid(id));
  if (malformed !== undefined)
    throw new UsageError(`${quote(malformed)} is no event id: those are UUIDs; ${see(name)}`);
  if (all === eventIds.length > 0) throw new UsageError(`${name} takes event ids or --all; ${see(name)}`);
  return await outbox({ action, eventIds, all, json, reason }, context);
}

async function outbox(command: Omit<OutboxCommand, "actor">, { out }: Context): Promise<ExitCode> {
  const actor = `cli:${userInfo().username}@${hostname()}`;
  return await withDatabase("for an embedded PostgreSQL ask the running server, /api/ops/outbox", async (sql) => {
    return (await outboxCommand(sql, { ...command, actor }, out)) === 0 ? Exit.ok : Exit.no;
  });
}
