import { expect, test } from "bun:test";
import fc from "fast-check";
import { Audiences } from "./audience.ts";
import { compile, type Filter, NO_FILTER } from "./filter.ts";
import { Frame } from "./frame.ts";
import { EVERYTHING, type Viewer } from "./viewer.ts";

const TENANT = "aaaaaaaa-0000-4000-8000-00000000000a";
const frame = (value: unknown, headers: Record<string, string> = {}, key = "Key-1") =>
  new Frame({ topic: "t", partition: 0, offset: 0, timestamp: 0, key, value: JSON.stringify(value), headers }, "0:1");
const job = frame({ title: 'The "old" Roof' }, { ce_type: "JobStatusChanged", ce_tenantid: TENANT.toUpperCase() });
const passes = (filter: Partial<Filter>, viewer: Viewer = EVERYTHING, of = job) =>
  compile(viewer, { ...NO_FILTER, ...filter })?.(of) ?? true;

test.each([
  ["JobStatusChanged", true],
  ["jobstatuschanged", true],
  ["Job*", true],
  ["*Changed", true],
  ["*status*", true],
  ["J*S*d", true],
  ["**", true],
  ["*", true],
  ["Job", false],
  ["Status*", false],
  ["Job.*Changed", false],
])("the type %p matches JobStatusChanged: %p", (type, expected) => {
  expect(passes({ types: [type] })).toBe(expected);
});

test("a pattern is answered at once, however many stars are in it", () => {
  const began = performance.now();
  const long = frame({}, { ce_type: "a".repeat(200) });
  for (const types of [[`${"*a".repeat(49)}b`], [`${"a*".repeat(10)}b`], [`${"*".repeat(99)}b`]])
    expect(passes({ types }, EVERYTHING, long)).toBe(false);
  expect(performance.now() - began).toBeLessThan(1_000);
});

test("an event without a type, tenant or key of its own is for nobody who asks for one", () => {
  const foreign = new Frame(
    { topic: "t", partition: 0, offset: 0, timestamp: 0, key: null, value: null, headers: {} },
    "0:1",
  );
  for (const filter of [{ types: ["*"] }, { tenants: [TENANT] }, { aggregates: ["a"] }, { texts: ["x"] }])
    expect(passes(filter, EVERYTHING, foreign)).toBe(false);
  expect(passes({}, EVERYTHING, foreign)).toBe(true);
  expect(passes({}, { tenants: new Set([TENANT]), until: undefined }, foreign)).toBe(false);
});

test("texts must all stand in the event's own JSON, quotation marks included; case does not count", () => {
  expect(passes({ texts: ["roof", 'the "OLD"'] })).toBe(true);
  expect(passes({ texts: ["roof", "new"] })).toBe(false);
  // It stands in the headers and in the frame's own names.
  expect(passes({ texts: ["ce_type"] })).toBe(false);
  expect(passes({ texts: ["domain_event"] })).toBe(false);
});

test("whatever text is a part of what an event has is found in it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.string(), fc.string(), (text, before, after) => {
      const of = frame(
        { note: before + text + after, headers: { value: "x" } },
        { headers: ',"value":1' },
        ',"value":"',
      );
      // Lower case of a whole need not be that of its parts: a sigma at the end of a word has its own.
      fc.pre((before + text + after).toLowerCase().includes(text.toLowerCase()));
      expect(passes({ texts: [text] }, EVERYTHING, of)).toBe(true);
    }),
  );
});

test("a viewer is never shown more than its tenants, whatever the filter asks for", () => {
  const viewer: Viewer = { tenants: new Set(["bbbbbbbb-0000-4000-8000-00000000000b"]), until: undefined };
  expect(passes({}, viewer)).toBe(false);
  expect(passes({ tenants: [TENANT] }, viewer)).toBe(false);
  expect(passes({ tenants: [TENANT] }, { tenants: new Set([TENANT]), until: undefined })).toBe(true);
});

test("those who are sent the same are one audience, in whatever order they ask, and nobody else is in it", () => {
  const audiences = new Audiences();
  const ask = (filter: Partial<Filter>, viewer: Viewer = EVERYTHING) =>
    audiences.join(viewer, { ...NO_FILTER, ...filter });
  const first = ask({ types: ["Job*", "Account*"], texts: ["Roof"] });
  expect(ask({ types: ["account*", "job*", "Job*"], texts: ["roof"] })).toBe(first);
  expect(first.members).toBe(2);
  const others = [
    ask({ types: ["Job*"] }),
    ask({ tenants: ["Job*"] }),
    ask({ texts: ["Job*"] }),
    ask({}),
    ask({}, { tenants: new Set([TENANT]), until: undefined }),
    ask({ tenants: [TENANT] }),
  ];
  expect(new Set([first, ...others]).size).toBe(7);
});
