import type { Sql } from "../db/pool.ts";
import { AppError } from "../errors.ts";
import { type DeadLetter, type Decision, decide, decideAll, listDeadLetters } from "./dead-letters.ts";
import { selectBacklog } from "./sql.ts";

export interface OutboxCommand {
  readonly action: "list" | Decision["action"];
  /** Event ids that the decision is about; none with `all`. */
  readonly eventIds: readonly string[];
  readonly all: boolean;
  readonly actor: string;
  readonly reason?: string | undefined;
  readonly json: boolean;
}

const PAGE = 200;
const DONE = { requeue: "requeued", discard: "discarded" } as const;

/**
 * `aetherlink outbox list | requeue | discard`.
 * @param print takes the output
 * @returns the exit code: 0, or 1 when one of the events is no dead letter; the others are decided all the same
 */
export async function outboxCommand(sql: Sql, command: OutboxCommand, print: (text: string) => void): Promise<number> {
  if (command.action === "list") return await list(sql, command.json, print);
  const { action, actor, reason } = command;
  const entries = command.all ? await decideAll(sql, { action, actor, reason }) : [];
  const missing: string[] = [];
  for (const eventId of command.eventIds) {
    try {
      entries.push(await decide(sql, eventId, { action, actor, reason }));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      missing.push(eventId);
    }
  }
  if (command.json) {
    print(`${JSON.stringify({ decided: entries, missing })}\n`);
  } else {
    for (const entry of entries) print(`${DONE[action]} ${entry.eventId}  ${entry.type} of ${entry.aggregateId}\n`);
    for (const eventId of missing) print(`no dead letter ${eventId}\n`);
    if (entries.length + missing.length === 0) print("there are no dead letters\n");
  }
  return missing.length > 0 ? 1 : 0;
}

async function list(sql: Sql, json: boolean, print: (text: string) => void): Promise<number> {
  const backlog = await selectBacklog(sql);
  const letters: DeadLetter[] = [];
  for (let after: string | undefined; ; ) {
    const page = await listDeadLetters(sql, PAGE, after);
    letters.push(...page.data);
    if (page.next === null) break;
    after = page.next;
  }
  if (json) {
    print(`${JSON.stringify({ ...backlog, data: letters })}\n`);
    return 0;
  }
  const age = backlog.events === 0 ? "" : `, the oldest for ${backlog.oldestSeconds.toFixed(1)} s`;
  print(`events waiting to be published: ${backlog.events}${age}; dead letters: ${letters.length}\n`);
  for (const letter of letters) {
    print(
      `\n${letter.eventId}  ${letter.type} of ${letter.aggregateId}, tenant ${letter.tenantId}\n` +
        `  dead since ${letter.deadAt} after ${letter.tries} tries, ${letter.bytes} bytes; events waiting behind it: ${letter.waiting}\n` +
        `  ${letter.lastError}\n`,
    );
  }
  return 0;
}
