import type { Fault } from "../fault.ts";

const REQUESTS = 100;

/** A hundred requests with one key come at once, most of them to a server that is killed while it works on them. */
export const oneKey: Fault = {
  number: 9,
  name: "100 requests, one key, server killed",
  sentence: "100 concurrent requests with one idempotency key while their server is killed: one job, one event",
  async strike({ world, writer, random }) {
    const victim = await world.leader();
    const other = world.otherThan(victim);
    const key = writer.newKey();
    const title = `One of a hundred ${key}`;
    let isDead = false;
    // Until it is killed it gets nine of ten; from then on the retries go to either.
    const choose = () => (!isDead && random.next() < 0.9 ? victim : random.pick([victim, other]));
    const requests = Array.from({ length: REQUESTS }, () =>
      writer.send({ method: "POST", path: "", body: { title } }, key, choose),
    );
    await Bun.sleep(random.between(0, 40));
    await victim.kill();
    isDead = true;
    const answers = await Promise.all(requests);
    await victim.start();
    const ids = [...new Set(answers.map((answer) => answer?.id))];
    const [id] = ids;
    if (ids.length !== 1 || id === undefined) throw new Error(`the answers name ${ids.length} jobs: ${ids.join(", ")}`);
    writer.note({ id, version: 1 }, "JobCreated");
    const jobs = await world.database
      .sql`select id from jobs where tenant_id = ${writer.tenantId} and title = ${title}`;
    const events = await world.database.sql`
      select id from outbox_events where tenant_id = ${writer.tenantId} and payload -> 'data' ->> 'title' = ${title}`;
    if (jobs.length !== 1 || events.length !== 1) throw new Error(`${jobs.length} jobs and ${events.length} events`);
  },
};
