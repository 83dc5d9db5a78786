/** Every example of every command's help, run as it stands in a shell. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { testBrokers } from "../support/brokers.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import { runShell } from "./command.ts";

/** What is to come of an example; without a line here: exit code 0, something on standard output, nothing on standard error. */
interface Outcome {
  readonly code?: number;
  readonly out?: RegExp;
  readonly err?: RegExp;
  /** It goes on by itself: Ctrl-C once its output has this. */
  readonly until?: RegExp;
}

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  serve: { until: /"msg":"ready"/ },
  "serve  # with DATABASE_URL=postgres://… KAFKA_BROKERS=kafka-1:9092,kafka-2:9092": { until: /"msg":"ready"/ },
  migrate: { out: /^up to date\n$/ },
  // Nothing is: so nothing is said to be.
  "migrate --dry-run || echo 'something is pending'": { out: /^up to date\n$/ },
  "topic describe --json | jq '[.partitions[] | .high - .low] | add'": { out: /^\d+\n$/ },
  "topic create": { out: /^there is already .*, with 3 partitions\n$/ },
  // It is there, with three: the answer is no.
  "topic create --partitions 12 --replication-factor 3": { code: 3, out: /with 3 partitions/ },
  // There are no dead letters.
  "outbox list --json | jq -r '.data[].eventId'": { out: /^$/ },
  "outbox requeue 0199c0de-0000-7000-8000-000000000001": { code: 3 },
  "outbox discard 0199c0de-0000-7000-8000-000000000001 --reason 'sent by hand'": { code: 3 },
  "events tail": { until: /JobCreated/ },
  "events tail 'type:Job* -status:Cancelled' --since 10m": { until: /JobCreated/ },
  "events tail --json --number 1 --since 7d --limit 1 | jq .value": { out: /"eventType": "JobCreated"/ },
  "events tail --url https://crm.example.com -- -type:*Updated": { until: /JobCreated/ },
  demo: { until: /watch / },
  "demo --rate 50 --seconds 10 --tenants 10 --seed 7": { until: /watch / },
  "demo --seconds 5 --json | jq .failed": { out: /^0\n$/ },
  doctor: { out: /^✓ database/m },
  "doctor --json | jq -r '.checks[] | select(.state == \"failed\") | .name'": { out: /^$/ },
  version: { out: /^\d+\.\d+\.\d+\n$/ },
  "version --json": { out: /"bun":/ },
};

const EXAMPLES = COMMANDS.flatMap(({ examples }) => examples.map(([line]) => line));

describe.skipIf(testBrokers() === undefined || Bun.which("jq") === null)("an example of the help", () => {
  let db: TestDatabase;
  let server: RunningServer;
  let folder = "";
  let env: Record<string, string>;
  let posts: Timer;
  beforeAll(async () => {
    db = await testDatabase();
    folder = await mkdtemp(join(tmpdir(), "aetherlink-examples-"));
    const kafka = { KAFKA_BROKERS: testBrokers() ?? "", KAFKA_TOPIC: `examples-${crypto.randomUUID()}` };
    env = { DATABASE_URL: db.url, LOG_FORMAT: "json", PORT: "0", ...kafka };
    server = await new RunningServer({ env }).ready();
    env.AETHERLINK_URL = server.url;
    // There is always something to see.
    posts = setInterval(
      () =>
        void fetch(`${server.url}/api/crm/jobs`, {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-Tenant-Id": "12345678-1234-1234-1234-123456789012" },
          body: '{"title":"Seen by an example"}',
        }).catch(() => {}),
      200,
    );
  });
  afterAll(async () => {
    clearInterval(posts);
    await server.stop();
    await db.drop();
    await rm(folder, { recursive: true, force: true });
  });

  // Not at the same time: one changes what another shows.
  test.each(EXAMPLES.map((line) => [line]))("aetherlink %s", async (line) => {
    const { code = 0, out, err = /^$/, until } = OUTCOMES[line] ?? {};
    // An address of somebody's, in place of which ours is asked.
    const here = line.replaceAll("https://crm.example.com", server.url);
    const ran = await runShell(`set -o pipefail; aetherlink ${here}`, env, { cwd: folder, ...(until && { until }) });
    expect(ran.err).toMatch(err);
    expect({ code: ran.code, out: ran.out }).toEqual({ code, out: expect.stringMatching(until ?? out ?? /\S/) });
  });
});

test("every outcome is that of an example", () => {
  expect(Object.keys(OUTCOMES).filter((line) => !EXAMPLES.includes(line))).toEqual([]);
});
