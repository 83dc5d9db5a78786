import { z } from "zod";
import type { CrmDependencies } from "./context.ts";
import { limitParameter, type Page, parameter } from "./lists.ts";

const CURSOR_RULE = "must be the `next` of an earlier page of this history";

/** Parameters of `GET /api/crm/{entity}/{id}/events`. */
export const historySchema = z.strictObject({
  limit: limitParameter,
  cursor: parameter()
    .regex(/^e\d{1,18}$/, CURSOR_RULE)
    .optional(),
});

/** An event of a history, with what became of it. */
export interface HistoryEvent {
  readonly eventId: string;
  readonly eventType: string;
  readonly version: number;
  readonly occurredAt: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly delivery: {
    readonly state: "committed" | "published" | "waiting" | "dead-letter" | "discarded";
    readonly publishedAt: string | null;
    readonly partition: number | null;
    readonly offset: number | null;
    readonly tries: number;
  };
}

/**
 * The history of an entity, oldest event first, each with its journey: `committed` (on its way to the log), `published` (with
 * partition and offset), `waiting` (behind an event of the same entity that the log refuses), `dead-letter` (refused five
 * times, a person has to decide) or `discarded` (a person decided against it). Events whose retention time is over are gone.
 * @param type such as `Job`
 * @param exists is asked when no event is left; throws not-found when there is no such entity either
 */
export async function listEvents(
  deps: CrmDependencies,
  tenantId: string,
  entity: { type: "Job" | "Account" | "Contact"; id: string; exists: () => Promise<unknown> },
  { limit, cursor }: z.output<typeof historySchema>,
): Promise<Page> {
  const after = cursor?.slice(1) ?? "0";
  const rows = await deps.sql<{ id: string; body: string }[]>`
    select id, body from list_events(${tenantId}::uuid, ${entity.type}, ${entity.id}::uuid, ${after}::bigint, ${limit + 1})`;
  if (rows.length === 0) await entity.exists();
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const next = last === undefined ? null : `e${last.id}`;
  return { body: `{"data":[${shown.map((row) => row.body).join(",")}],"next":${JSON.stringify(next)}}`, next };
}
