import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { AlertInbox, alertsSchema, selectPending } from "./alerts.ts";
import { alertOf } from "./autoheal.fixture.ts";

let db: TestDatabase;
const duplicates: string[] = [];
let seconds = 30;
let inbox: AlertInbox;
beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  await db.sql`truncate autoheal_alerts`;
  duplicates.length = 0;
  seconds = 30;
  inbox = another();
});
afterAll(() => db.drop());

/** As another replica has it. */
const another = () =>
  new AlertInbox(
    db.sql,
    () => seconds,
    ({ fingerprint }) => duplicates.push(fingerprint),
  );
const decideAll = () => db.sql`update autoheal_alerts set pending = false, decided_at = clock_timestamp()`;
const pending = async () => (await selectPending(db.sql, 100)).map(({ trigger }) => trigger.fingerprint.at(-1));

describe("the inbox", () => {
  test("keeps what fires, and nothing of what is resolved", async () => {
    const receipt = await inbox.receive([alertOf("A", 1), alertOf("A", 2, { status: "resolved" })]);
    expect(receipt).toEqual({ accepted: 1, duplicates: 0, ignored: 1 });
    expect(await pending()).toEqual(["1"]);
    expect(await inbox.receive([alertOf("A", 3, { status: "resolved" })])).toEqual({
      accepted: 0,
      duplicates: 0,
      ignored: 1,
    });
  });

  test("takes one fingerprint once, whichever replica it comes to, pending or decided on a moment ago", async () => {
    await inbox.receive([alertOf("A", 1)]);
    expect(await another().receive([alertOf("A", 1)])).toMatchObject({ accepted: 0, duplicates: 1 });
    await decideAll();
    expect(await inbox.receive([alertOf("A", 1)])).toMatchObject({ accepted: 0, duplicates: 1 });
    expect(await pending()).toEqual([]);
    expect(duplicates).toEqual(["0000000000000001", "0000000000000001"]);
  });

  test("of one payload that has it twice takes the last, and of requests that come together the first", async () => {
    expect(await inbox.receive([alertOf("A", 1), alertOf("B", 1)])).toMatchObject({ accepted: 1, duplicates: 0 });
    const receipts = await Promise.all(Array.from({ length: 20 }, () => inbox.receive([alertOf("C", 2)])));
    expect(receipts.map(({ accepted }) => accepted).toSorted()).toEqual([...new Array(19).fill(0), 1]);
    const rows = await db.sql`select name from autoheal_alerts order by fingerprint`;
    expect(rows.map(({ name }) => name)).toEqual(["B", "C"]);
  });

  test("takes it again when the time is over, and at once when it began anew", async () => {
    await inbox.receive([alertOf("A", 1), alertOf("A", 2)]);
    await decideAll();
    await db.sql`
      update autoheal_alerts set decided_at = decided_at - interval '31 seconds' where fingerprint = '0000000000000001'`;
    const startsAt = "2026-11-23T07:00:00.000Z";
    expect(await inbox.receive([alertOf("A", 1), alertOf("A", 2, { startsAt })])).toMatchObject({ accepted: 2 });
    expect(await pending()).toEqual(["1", "2"]);
  });

  test("keeps the place of what waits already: a storm of repetitions does not move it to the end", async () => {
    await inbox.receive([alertOf("A", 1)]);
    await inbox.receive([alertOf("A", 2)]);
    const [before] = await selectPending(db.sql, 1);
    await inbox.receive([alertOf("A", 1)]);
    const [after] = await selectPending(db.sql, 1);
    expect(after?.receivedAt).toBe(before?.receivedAt ?? "");
    expect(after?.repeats).toBe(1);
  });

  test("rejects when the database is away, so that Alertmanager sends them again, and takes them afterwards", async () => {
    await db.sql`alter table autoheal_alerts rename to away`;
    const lost = await Promise.allSettled([inbox.receive([alertOf("A", 1)]), inbox.receive([alertOf("A", 2)])]);
    expect(lost.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await db.sql`alter table away rename to autoheal_alerts`;
    expect(await inbox.receive([alertOf("A", 1)])).toMatchObject({ accepted: 1 });
  });

  test("takes them from replicas that write the same ones in other orders", async () => {
    const all = Array.from({ length: 200 }, (_, n) => alertOf("A", n));
    const rounds = Array.from({ length: 8 }, (_, n) => another().receive(n % 2 === 0 ? all : all.toReversed()));
    const receipts = await Promise.all(rounds);
    expect(receipts.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(200);
  });
});

describe("a payload", () => {
  /** As Alertmanager 0.28 sends it, with all that we have no use for. */
  const payload = (alert: object = {}, more: object = {}) => ({
    version: "4",
    groupKey: '{}:{alertname="A"}',
    truncatedAlerts: 0,
    status: "firing",
    receiver: "autoheal",
    groupLabels: { alertname: "A" },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: "http://alertmanager:9093",
    alerts: [
      {
        status: "firing",
        labels: { alertname: "A" },
        annotations: { summary: "s" },
        startsAt: "2026-11-26T02:57:52.123456789Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "http://prometheus:9090/graph",
        fingerprint: "0011223344556677",
        ...alert,
      },
    ],
    ...more,
  });

  test("of Alertmanager is taken, its nanoseconds cut to milliseconds", () => {
    const { alerts } = alertsSchema.parse(payload());
    expect(alerts).toMatchObject([{ startsAt: "2026-11-26T02:57:52.123Z", labels: { alertname: "A" } }]);
    expect(alertsSchema.safeParse(payload({ startsAt: "2026-11-26T02:57:52+23:59" })).success).toBe(true);
  });

  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, "x"]));
  test.each<[string, unknown]>([
    ["no object", []],
    ["null", null],
    ["another version", payload({}, { version: "3" })],
    ["a status of its own", payload({ status: "melting" })],
    ["no alerts", { version: "4", status: "firing" }],
    ["alerts that are no list", payload({}, { alerts: {} })],
    ["over a thousand alerts", payload({}, { alerts: new Array(1_001).fill(payload().alerts[0]) })],
    ["no name", payload({ labels: {} })],
    ["a name that is inherited", payload({ labels: Object.create({ alertname: "A" }) })],
    ["a name of two lines", payload({ labels: { alertname: "A\nB" } })],
    ["a name that is a number", payload({ labels: { alertname: 7 } })],
    ["a label that is no name", payload({ labels: { alertname: "A", "a;b": "x" } })],
    ["a label that is an object", payload({ labels: { alertname: "A", l: { $ne: 1 } } })],
    ["a label that is too long", payload({ labels: { alertname: "A", l: "x".repeat(1_025) } })],
    ["NUL in a label", payload({ labels: { alertname: "A", l: "a\0b" } })],
    ["half a surrogate pair in a label", payload({ labels: { alertname: "A", l: "\ud800" } })],
    ["too many labels", payload({ labels: { alertname: "A", ...many(64) } })],
    ["a fingerprint that is SQL", payload({ fingerprint: "'; drop table --" })],
    ["a fingerprint that is too short", payload({ fingerprint: "00" })],
    ["a time that is none", payload({ startsAt: "yesterday" })],
    ["a time in the year 0", payload({ startsAt: "0000-01-01T00:00:00Z" })],
    ["a time that only JavaScript knows", payload({ startsAt: "9999-12-31T23:59:59-23:59" })],
    ["an annotation that is too long", payload({ annotations: { a: "x".repeat(4_097) } })],
  ])("with %s is refused", (_, value) => {
    expect(alertsSchema.safeParse(value).success).toBe(false);
  });

  test("whose labels try to reach the prototype leaves nothing behind", async () => {
    const text = JSON.stringify(payload()).replace(
      '"alertname":"A"}',
      '"alertname":"A","__proto__":"x","constructor":"y"}',
    );
    const parsed = alertsSchema.safeParse(JSON.parse(text));
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    if (parsed.success) expect(Object.keys(parsed.data.alerts[0]?.labels ?? {})).not.toContain("__proto__");
  });
});
