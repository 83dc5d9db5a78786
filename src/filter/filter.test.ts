import { describe, expect, test } from "bun:test";
import { compile, narrow, parse, print, printTerm, suggest, termAt, termOf, withoutTerm, withTerm } from "./index.ts";

const TENANT = "aaaaaaaa-0000-4000-8000-00000000000a";
const FRAME = {
  topic: "aetherlink.events",
  partition: 1,
  offset: 117,
  timestamp: 0,
  key: "Job-7",
  value: {
    eventType: "JobStatusChanged",
    aggregateType: "Job",
    data: {
      title: 'The "old" Roof',
      status: "Open",
      tags: ["urgent", "roof"],
      price: 10.5,
      site: { city: "Köln" },
      done: null,
    },
  },
  headers: { ce_type: "JobStatusChanged", ce_tenantid: TENANT, ce_id: "event-1", traceparent: "00-abc" },
};
const passes = (source: string, frame: unknown = FRAME) => compile(parse(source))(frame);
const words = (source: string) =>
  parse(source).terms.map(({ negated, key, pieces }) => [negated ? "not" : "", key, pieces]);
const faults = (source: string) =>
  parse(source).faults.map(({ from, to, message }) => [source.slice(from, to), message]);

describe("a filter is read", () => {
  test("as terms with their key, their text and the stars in it", () => {
    expect(
      words('type:Job* STATUS:Open "two words" -word -"a \\"b\\" \\\\ *" data.site.City:K*n header.Traceparent:00'),
    ).toEqual([
      ["", "type", ["Job", ""]],
      ["", "status", ["Open"]],
      ["", undefined, ["two words"]],
      ["not", undefined, ["word"]],
      ["not", undefined, ['a "b" \\ *']],
      ["", "data.site.City", ["K", "n"]],
      ["", "header.traceparent", ["00"]],
    ]);
  });

  test("with quotation marks in the middle of a value too", () => {
    expect(words('data.title:"The "*Roof 07:30 it"s a"')).toEqual([
      ["", "data.title", ["The ", "Roof"]],
      ["", undefined, ["07:30"]],
      ["", undefined, ["its a"]],
    ]);
  });

  test.each([
    ["type:", "type:", "type: what?"],
    ["typ:", "typ:", expect.stringContaining("typ: is no key; did you mean type:")],
    ["a - b", "-", "what not?"],
    ['a "b c', '"b c', 'a quotation mark is not closed: "'],
    ['x "" y', '""', "no text between the quotation marks"],
    ["typ:Job*", "typ:Job*", 'typ: is no key; did you mean type:. For the text itself write "typ:Job*"'],
    ["-tenent:1", "-tenent:1", 'tenent: is no key; did you mean tenant:. For the text itself write "tenent:1"'],
    ["data.:1", "data.:1", expect.stringContaining("data.: is no key; known are type, tenant,")],
  ])("%j has a fault at %j", (source, place, message) => {
    expect(faults(source)).toEqual([[place, message]]);
  });

  test("without what is at fault, so that the rest goes on while it is typed", () => {
    expect(words("status:Open type:")).toEqual([["", "status", ["Open"]]]);
  });

  test("up to 50 terms, the others are told", () => {
    const { terms, faults } = parse("a ".repeat(52));
    expect([terms.length, faults.length]).toEqual([50, 2]);
  });
});

describe("a frame", () => {
  test.each([
    ["", true],
    ["type:Job*", true],
    ["type:job*CHANGED", true],
    ["type:Job", false],
    ['type:"Job*"', false],
    ["type:Account* type:Job*", true],
    ["type:Account* status:Open", false],
    [`tenant:${TENANT.toUpperCase()}`, true],
    ["tenant:aaaa*", true],
    ["aggregate:job-7", true],
    ["entity:job event:event-1 topic:*.events partition:1 offset:117", true],
    ["partition:11", false],
    ["status:Done", false],
    ["-status:Done", true],
    ["-status:Open", false],
    ["data.price:10.5 data.tags:urgent data.site.city:köln data.done:null", true],
    ["data.site:*", false],
    ["data.missing:*", false],
    ["-data.missing:*", true],
    ["header.traceparent:00-*", true],
    ["data.toString:* ", false],
    ["roof", true],
    ['"OLD" ROOF', true],
    ["the*roof", true],
    ["roof*the", false],
    ["title", false],
    ["traceparent", false],
    ["-roof", false],
    ["-cellar", true],
    ["10.5", true],
  ])("passes %j: %p", (source, expected) => {
    expect(passes(source)).toBe(expected);
  });

  test("of a foreign producer passes what asks for nothing that it has not", () => {
    for (const frame of [null, undefined, 7, "text", [], {}, { value: null, headers: null }, { value: "plain" }]) {
      expect(compile(parse("type:*"))(frame)).toBe(false);
      expect(compile(parse("-type:*"))(frame)).toBe(true);
    }
    expect(passes("plain", { value: "some plain text" })).toBe(true);
  });

  test("is answered at once, however many stars there are", () => {
    const began = performance.now();
    const long = { headers: { ce_type: "a".repeat(200) }, value: "a".repeat(200) };
    expect(passes(`type:${"*a".repeat(49)}b`, long)).toBe(false);
    expect(passes(`${"*a".repeat(49)}b`, long)).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("the server is asked", () => {
  test.each([
    [
      "type:Job* type:Account* status:Open",
      [
        ["type", "Job*"],
        ["type", "Account*"],
      ],
    ],
    [`tenant:${TENANT} -type:Job*`, [["tenant", TENANT]]],
    // One is enough, so asking for the first alone would leave out what the second wants.
    [`tenant:${TENANT} tenant:aaaa*`, []],
    ["aggregate:job-7 aggregate:job-*", []],
    ["aggregate:job-7", [["aggregate", "job-7"]]],
    ['type:"Job*"', []],
    ['"leaking roof" -done', [["q", "leaking roof"]]],
    [
      "O'Brien roof*tile 42",
      [
        ["q", "O"],
        ["q", "Brien"],
        ["q", "roof"],
        ["q", "tile"],
      ],
    ],
    ["typ:x", []],
    ["type:\ud800* aggregate:\ud800 \ud800", []],
  ])("for %j", (source, expected) => {
    expect(narrow(parse(source))).toEqual(expected as never);
  });
});

test("the server is asked for no more than fits into an address", () => {
  const many = Array.from({ length: 50 }, (_, n) => `${n}${"x".repeat(300)}`);
  const asked = (prefix: string) =>
    new URLSearchParams(narrow(parse(many.map((text) => prefix + text).join(" "))).map((pair) => [...pair]));
  expect(asked("").size).toBeGreaterThan(0);
  expect(asked("").toString().length).toBeLessThan(2_000);
  expect(narrow(parse("aggregate:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ".repeat(50)))).toEqual([]);
});

describe("a filter is written", () => {
  test.each([
    ["type:Job*  -status:Open   word", "type:Job* -status:Open word"],
    ['"word" status:"Open"', "word status:Open"],
    ['"two words" "a*" "-x" "type:x" status:""', '"two words" "a*" "-x" "type:x" status:""'],
    ['--x -"type:x"*y', '-"-x" -"type:x"*y'],
  ])("%j as %j", (source, expected) => {
    expect(print(parse(source).terms)).toBe(expected);
  });

  test("with a term more, turned around where its opposite stood, once where it stood already", () => {
    const open = termOf("status", "Open");
    expect(withTerm("", open)).toBe("status:Open");
    expect(withTerm(" type: ", open)).toBe("type: status:Open");
    expect(withTerm("roof status:open", open)).toBe("roof status:open");
    expect(withTerm("-status:open roof", open)).toBe("status:Open roof");
    expect(withTerm("status:Open roof", { ...open, negated: true })).toBe("-status:Open roof");
  });

  test("without a term", () => {
    expect(withoutTerm("a status:open b", termOf("status", "Open"))).toBe("a b");
    expect(withoutTerm("-status:open b", termOf("status", "Open"))).toBe("-status:open b");
  });

  test.each([
    [["value", "data", "status"], "status:x"],
    [["value", "data", "site", "city"], "data.site.city:x"],
    [["value", "eventType"], "type:x"],
    [["headers", "ce_tenantid"], "tenant:x"],
    [["headers", "content-type"], "header.content-type:x"],
    [["key"], "aggregate:x"],
    [["value", "data", "a.b"], undefined],
    [["value", "data", "Zwei Worte"], undefined],
    [["value", "data"], undefined],
    [["headers"], undefined],
    [["timestamp"], undefined],
    [["toString"], undefined],
  ])("as the term for the field %j", (path, expected) => {
    const term = termAt(path, "x");
    expect(term === undefined ? undefined : printTerm(term)).toBe(expected);
  });
});

describe("suggested are", () => {
  const seen = (key: string) =>
    ({ type: ["JobCreated", "JobUpdated", "AccountCreated"], status: ["Open", "In progress"] })[key] ?? [];
  const texts = (source: string, cursor = source.length) => suggest(source, cursor, seen).items.map(({ text }) => text);

  test("keys that begin so, all of them for nothing", () => {
    expect(texts("t")).toEqual(["type:", "tenant:", "topic:"]);
    expect(texts("-sta")).toEqual(["-status:"]);
    expect(texts("")).toContain("type:");
  });

  test("values that were seen, and for types their families", () => {
    expect(texts("type:up")).toEqual(["type:JobUpdated ", "type:Job* "]);
    expect(texts("-type:acc")).toEqual(["-type:AccountCreated ", "-type:Account* "]);
    expect(texts('status:"in')).toEqual(['status:"In progress" ']);
    expect(texts("nokey:")).toEqual([]);
  });

  test("values for a word that is a part of one", () => {
    expect(texts("crea")).toEqual(["type:JobCreated ", "type:AccountCreated "]);
  });

  test("for the term at the cursor alone, in whose place they go", () => {
    expect(suggest("roof ty status:Open", 7, seen)).toEqual({
      from: 5,
      to: 7,
      items: [{ text: "type:", hint: expect.any(String) }],
    });
    expect(suggest("roof ", 5, seen)).toMatchObject({ from: 5, to: 5 });
    expect(suggest('"a b" sta', 9, seen)).toMatchObject({ from: 6, to: 9 });
  });

  test("never what stands there already", () => {
    expect(texts("status:Open")).toEqual([]);
  });
});
