/**
 * The protocol of write, publish and mark, checked over thousands of interleavings: the real steps of the relay on a model
 * of database and log (`world.ts`), with crashes, lost sessions, a log that is away and a database that refuses writes at
 * any point. The invariants are the four sentences of the design.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { SeenEvents } from "../../src/stream/seen.ts";
import { type Logged, World } from "./world.ts";

/** Interleavings tried; PROTOCOL_RUNS makes it long. */
const RUNS = Number(process.env.PROTOCOL_RUNS ?? 4_000);

const aggregate = fc.constantFrom("a", "b", "c");
const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("write" as const), aggregate, poison: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("write" as const), aggregate, poison: fc.constant(true) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("rollback" as const), aggregate }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const), server: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("lose session" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("log away" as const), calls: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("refuse writes" as const), calls: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("requeue" as const, "discard" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

test(`over ${RUNS} interleavings of writers, leaders and faults the four sentences hold`, async () => {
  let [crashes, lost, dead] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(action, { maxLength: 14 }),
      fc.integer({ min: 1, max: 4 }),
      async (s, actions, batch) => {
        const world = new World(() => s.schedule(Promise.resolve()));
        const servers = [0, 1, 2].map(() => ({ isCrashed: false }));
        const relays = servers.map((server) => world.serve(server, 10, batch));
        const faults = actions.map((one) => perform(world, servers, one));
        await s.waitFor(Promise.all([...relays, ...faults]));
        crashes += servers.filter((server) => server.isCrashed).length;
        lost += actions.filter((one) => one.kind === "lose session").length;
        dead += world.rows.filter((row) => row.dead).length;
        check(world);
        // Then all is well again, and a person lets the dead letters go on.
        Object.assign(world, { logAway: 0, writesRefused: 0, isCured: true });
        for (const row of world.rows) if (row.dead && !row.discarded) world.decide("requeue");
        await s.waitFor(world.serve({ isCrashed: false }, 40, batch));
        check(world);
        checkComplete(world);
        // Without a lost session there is no reason to send anything twice.
        const isCalm = !actions.some((one) => one.kind === "crash" || one.kind === "lose session");
        if (isCalm)
          expect(world.log.length).toBe(new Set(world.log.map((one) => `${one.aggregate}:${one.version}`)).size);
      },
    ),
    { numRuns: RUNS },
  );
  // The runs were no walk in the park.
  for (const count of [crashes, lost, dead]) expect(count).toBeGreaterThan(RUNS / 50);
});

async function perform(world: World, servers: { isCrashed: boolean }[], one: Action): Promise<void> {
  await world.pause();
  switch (one.kind) {
    case "write":
    case "rollback": {
      const row = world.begin(one.aggregate, one.kind === "write" && one.poison);
      await world.pause();
      if (row !== undefined) row.isCommitted = one.kind === "write";
      if (row !== undefined && one.kind === "rollback") world.rollback(row);
      return;
    }
    case "crash": {
      const server = servers[one.server];
      if (server !== undefined) server.isCrashed = true;
      return world.loseSession();
    }
    case "lose session":
      return world.loseSession();
    case "log away":
      world.logAway = one.calls;
      return;
    case "refuse writes":
      world.writesRefused = one.calls;
      return;
    default:
      return world.decide(one.kind);
  }
}

/** What holds at any time. */
function check(world: World): void {
  const rowOf = ({ aggregate, version }: Logged) =>
    world.rows.find((row) => row.aggregate === aggregate && row.version === version && !row.isRolledBack);
  // Nothing is published that did not commit.
  for (const logged of world.log) expect(rowOf(logged)?.isCommitted).toBe(true);
  // What is marked is in the log, where the mark says.
  for (const row of world.rows) {
    if (row.publishedAt !== undefined)
      expect(world.log[row.publishedAt]).toMatchObject({ aggregate: row.aggregate, version: row.version });
  }
  // Events of one aggregate are seen in commit order by a consumer that keeps the event id, and each once.
  const seen = new SeenEvents();
  const shown = world.log.filter(({ aggregate, version }) => !seen.repeats(`${aggregate}:${version}`));
  for (const own of Map.groupBy(shown, (one) => one.aggregate).values()) {
    const versions = own.map((one) => one.version);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(versions.length);
    // Nothing in between is missing, but what was discarded.
    const first = own[0]?.aggregate;
    const due = world.rows.filter((row) => row.aggregate === first && !row.discarded && row.isCommitted);
    for (const row of due) if (row.version < Math.max(...versions)) expect(versions).toContain(row.version);
  }
}

/** Nothing that committed is lost. */
function checkComplete(world: World): void {
  for (const row of world.rows.filter((one) => one.isCommitted && !one.discarded)) {
    expect(world.log).toContainEqual({ aggregate: row.aggregate, version: row.version });
    expect(row.publishedAt).toBeDefined();
  }
}
