import { until } from "../../support/wait.ts";
import type { Fault } from "../fault.ts";

const HOUR_S = 3_600;
/** Seconds that a clock may be off what it was set to. */
const NEAR_S = 60;

/** The wall clock of the servers and of PostgreSQL is set back an hour while they run, and put right again later. */
export const clockBack: Fault = {
  number: 8,
  name: "clock set back an hour",
  sentence: "a wall clock that is set back an hour, on the servers and the database",
  async strike({ world, writer }) {
    const machines = [world.database, ...world.nodes];
    for (const { shim } of machines) shim.setClock(-HOUR_S);
    try {
      for (const node of world.nodes) {
        await until(`server ${node.name} says the changed time`, 10_000, async () => {
          const { headers } = await fetch(`${node.url}/healthz/live`);
          return isAnHourAgo(Date.parse(headers.get("date") ?? ""));
        });
      }
      await until("PostgreSQL says the changed time", 10_000, async () => {
        const [row] = await world.database.sql<{ now: Date }[]>`select clock_timestamp() as now`;
        return isAnHourAgo(row?.now.getTime() ?? 0);
      });
      await until("events are dated by the changed time", 10_000, async () => {
        const [row] = await world.database.sql<{ at: Date }[]>`
          select occurred_at as at from outbox_events where tenant_id = ${writer.tenantId} order by id desc limit 1`;
        return isAnHourAgo(row?.at.getTime() ?? 0);
      });
      const enough = writer.acknowledged.length + 100;
      await until("writes go on", 30_000, () => writer.acknowledged.length >= enough);
    } finally {
      for (const { shim } of machines) shim.setClock(0);
    }
  },
};

function isAnHourAgo(time: number): boolean {
  return Math.abs(Date.now() - HOUR_S * 1_000 - time) < NEAR_S * 1_000;
}
