import type { Sql } from "../db/pool.ts";
import type { EventLog } from "../log/log.ts";
import { asRelay, type Relay } from "../outbox/index.ts";
import type { Hub } from "../stream/index.ts";
import { LOOK_MS, type Probes, Progress } from "./probes.ts";

/** The parts of this server that are watched and mended. */
export interface Parts {
  readonly sql: Sql;
  readonly log: Pick<EventLog, "topic" | "care" | "watermarks">;
  readonly relay: Pick<Relay, "restart" | "state">;
  readonly hub: Pick<Hub, "head" | "isCaughtUp" | "restartReader">;
}

/** Milliseconds for which the first of what waits may be the same. */
const STUCK_MS = 1_500;
/** Milliseconds for the log's answer, so that its own reason is told and not that the look took too long. */
const ANSWER_MS = LOOK_MS - 100;

/** How each part is looked at. Without Kafka there are neither broker nor topic. */
export function probesOf({ sql, log, hub }: Parts, clock: () => number = () => performance.now()): Probes {
  const relay = new Progress();
  const stream = new Progress();
  const { care } = log;
  return {
    database: async () => {
      await sql`select 1`;
      return { up: true, detail: "answers" };
    },
    ...(care === undefined
      ? {}
      : {
          broker: async () => {
            await care.answers(ANSWER_MS);
            return { up: true, detail: "answers" };
          },
          topic: async () => {
            const up = await care.hasTopic(ANSWER_MS);
            return { up, detail: up ? `${log.topic} is there` : `there is no topic ${log.topic}` };
          },
        }),
    relay: async () => {
      const first = await firstPending(sql);
      const ms = relay.look(first, clock());
      if (first === undefined) return { up: true, detail: "nothing waits" };
      const up = ms < STUCK_MS;
      return { up, detail: up ? "publishes" : `event ${first} has been the next for ${Math.round(ms / 1_000)} s` };
    },
    stream: async () => {
      if (!hub.isCaughtUp) {
        const ms = stream.look("start", clock());
        return { up: ms < STUCK_MS, detail: "is catching up" };
      }
      const behind = (await log.watermarks()).filter(({ partition, high }) => (hub.head.get(partition) ?? 0) < high);
      // As it stood before this look: what was written meanwhile is not lag.
      const place = behind.map(({ partition }) => `${partition}:${hub.head.get(partition) ?? 0}`).join();
      const ms = stream.look(place === "" ? undefined : place, clock());
      if (place === "") return { up: true, detail: "has seen all" };
      const up = ms < STUCK_MS;
      return { up, detail: up ? "reads" : `stands at ${place} for ${Math.round(ms / 1_000)} s` };
    },
  };
}

/** Id of the event that is to be published next; undefined when none waits. Those behind a refused one wait for another reason. */
async function firstPending(sql: Sql): Promise<string | undefined> {
  const [row] = await asRelay(
    sql,
    (tx) => tx<{ id: string }[]>`
      select id from outbox_events where published_at is null and not held order by id limit 1`,
  );
  return row?.id;
}
