import { describe, expect, test } from "bun:test";
import { AppError } from "../errors.ts";
import { readStreamRequest } from "./request.ts";

const NOW = Date.parse("2026-11-23T07:00:00Z");
const TENANT = "12345678-1234-1234-1234-123456789012";
const read = (query: string, header?: string) => {
  const parameters = new URLSearchParams(query);
  const all = Object.fromEntries([...parameters.keys()].map((name) => [name, parameters.getAll(name)]));
  return readStreamRequest(all, header, NOW);
};
const since = (time: string) => ({ kind: "past", since: new Date(time), limit: undefined });

describe("what a client asks of the stream", () => {
  test("is everything from now on, with heartbeats as comments, when it says nothing", () => {
    expect(read("")).toEqual({
      start: { kind: "live" },
      filter: { types: [], tenants: [], aggregates: [], texts: [] },
      heartbeat: "comment",
    });
  });

  test("may be several types, tenants, aggregates and texts", () => {
    const { filter } = read(`type=Job*&type=AccountDeleted&tenant=${TENANT}&aggregate=a&aggregate=b&q=leak&q=roof`);
    expect(filter).toEqual({
      types: ["Job*", "AccountDeleted"],
      tenants: [TENANT],
      aggregates: ["a", "b"],
      texts: ["leak", "roof"],
    });
  });

  test.each([
    ["since=90s", since("2026-11-23T06:58:30Z")],
    ["since=10m", since("2026-11-23T06:50:00Z")],
    ["since=2h", since("2026-11-23T05:00:00Z")],
    ["since=7d", since("2026-11-16T07:00:00Z")],
    ["since=999999d", since("1970-01-01T00:00:00Z")],
    ["since=2026-11-23T06:00:00%2B01:00", since("2026-11-23T05:00:00Z")],
    ["from=earliest", { kind: "past", since: undefined, limit: undefined }],
    ["from=earliest&limit=10", { kind: "past", since: undefined, limit: 10 }],
    ["limit=0", { kind: "past", since: undefined, limit: 0 }],
    ["from=latest", { kind: "live" }],
    ["lastEventId=0:5,1:7", { kind: "resume", position: new Map([[0, 5], [1, 7]]) }], // biome-ignore format: one line
    ["lastEventId=abc", { kind: "unknown" }],
    ["lastEventId=", { kind: "live" }],
  ])("%s begins with %p", (query, expected) => {
    expect(read(query).start).toEqual(expected as ReturnType<typeof read>["start"]);
  });

  test("is to go on where the header says, whatever past the query of the first connect named", () => {
    const resumed = { kind: "resume", position: new Map([[0, 9]]) } as const;
    for (const query of ["since=10m&limit=5", "from=earliest", "lastEventId=0:1"]) {
      expect(read(query, "0:9").start).toEqual(resumed);
    }
  });

  test.each([
    ["type=", ["type"]],
    ["type=Job%20Created", ["type"]],
    ["tenant=acme", ["tenant"]],
    ["aggregate=", ["aggregate"]],
    [`q=${"x".repeat(201)}`, ["q"]],
    ["since=yesterday", ["since"]],
    ["since=2026-13-45T99:00:00Z", ["since"]],
    ["since=10m&since=5m", ["since"]],
    ["since=10m&from=earliest", ["since"]],
    ["from=beginning", ["from"]],
    ["limit=-1", ["limit"]],
    ["limit=10001", ["limit"]],
    ["limit=5&lastEventId=0:1", ["limit"]],
    ["heartbeat=yes", ["heartbeat"]],
    ["typ=Job*", ["typ"]],
    ["__proto__=1&constructor=2", ["__proto__", "constructor"]],
    [Array.from({ length: 51 }, () => "type=a").join("&"), ["type"]],
    ["type=%20&tenant=x&q=&since=x&from=x&limit=x&heartbeat=x&z=1", ["type", "tenant", "q", "since", "from", "limit", "heartbeat", "since", "z"]], // biome-ignore format: one line
  ])("%s is refused, naming each parameter that is at fault", (query, expected) => {
    expect(() => read(query)).toThrow(AppError);
    try {
      read(query);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      expect(error.code).toBe("malformed-request");
      expect(error.faults.map((fault) => fault.parameter ?? "")).toEqual(expected);
    }
  });

  test("is refused with an id that no stream of ours can have given", () => {
    expect(() => read("", "0:1,".repeat(3_000))).toThrow("Last-Event-ID must be an id of this stream");
  });
});
