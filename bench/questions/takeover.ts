/** Two servers on one database: the leader is killed, and the standby publishes. */
import { brokers } from "../harness/needs.ts";
import type { Question } from "../harness/question.ts";
import { environment, TENANT } from "../relay/outbox.ts";
import { Watch } from "../relay/watch.ts";

const KILLS = 8;

export const takeover: Question = {
  name: "takeover",
  asks: "How long is nothing published when the leader is killed?",
  needs: ["kafka"],
  inQuick: false,
  async measure(bench) {
    const database = await bench.database();
    const { url } = await database.create();
    const topic = bench.topic();
    const start = () => bench.server(environment(url, brokers, topic));
    let [leader, standby] = [await start(), await start()];
    const watch = bench.keep(new Watch(topic));
    const gaps: number[] = [];
    for (let kill = 0; kill < bench.size(KILLS, 1); kill++) {
      await leader.until((output) => output.includes("relay leads"));
      await post(leader.url, kill);
      // At a moment of the standby's own rhythm that is as likely as any other.
      await Bun.sleep(Math.random() * 1_000);
      const standbyUrl = standby.url;
      leader.process.kill("SIGKILL");
      const began = performance.now();
      const before = watch.arrivals.size;
      await post(standbyUrl, kill);
      while (watch.arrivals.size === before) await Bun.sleep(1);
      gaps.push(performance.now() - began);
      await leader.exited();
      [leader, standby] = [standby, await start()];
    }
    bench.figure({
      what: "kill -9 of the leader → an event of the standby in Kafka",
      unit: "ms",
      values: gaps,
      bar: { atMost: 2_000 },
    });
  },
};

async function post(url: string, n: number): Promise<void> {
  const response = await fetch(`${url}/api/crm/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT, "Idempotency-Key": crypto.randomUUID() },
    body: JSON.stringify({ title: `Replace compressor, rooftop unit ${n}` }),
  });
  await response.text();
}
