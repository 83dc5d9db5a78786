import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { inspectJson, MAX_DEPTH } from "./json-text.ts";

const places = (text: string) => {
  const { malformed, unkept } = inspectJson(text);
  return { malformed: malformed.map((fault) => fault.pointer), unkept: unkept.map((fault) => fault.pointer) };
};

describe("JSON text", () => {
  test("of anything that JSON.stringify writes has no fault, unless it is nested too deep or has __proto__ in it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8, noUnicodeString: false }), (text) => {
        fc.pre(!text.includes("__proto__") && !text.includes("\\u0000") && !text.includes("e-3"));
        expect(places(text)).toEqual({ malformed: [], unkept: [] });
      }),
      { numRuns: 30 },
    );
  });

  test.each<[string, string[]]>([
    ['{"a":1,"a":2}', ["#/a"]],
    ['{"a":1,"\\u0061":2}', ["#/a"]],
    ['{"x":[{"y":1},{"y":1,"z":{"b/c":1,"b/c":1},"y":2}]}', ["#/x/1/z/b~1c", "#/x/1/y"]],
    ['{"a":{"b":1},"b":1,"c":[{"b":1},{"b":1}]}', []],
    ['["a","a"]', []],
    ['{"a":"{\\"b\\":1,\\"b\\":2}","b":"\\\\"}', []],
  ])("%s has keys twice at %p", (text, expected) => expect(places(text).malformed).toEqual(expected));

  test.each([
    ["1", true],
    ["-0.10", true],
    ["1.50e3", true],
    ["9007199254740991", true],
    ["9007199254740993", false],
    ["12345678901234567890", false],
    ["0.1000000000000000055511151231257827", false],
    ["123456789012345678901234567890e-30", false],
    ["1e23", true],
    ["100000000000000000000000", true],
    ["1e400", false],
    ["-1e400", false],
    ["1e-400", false],
    ["0e999999999999", true],
  ])("the number %s is kept exactly: %p", (text, isKept) => {
    expect(places(`{"n":[${text}]}`).unkept).toEqual(isKept ? [] : ["#/n/0"]);
  });

  test.each([
    ['{"a":"\\u0000"}', "#/a"],
    ['{"a":["\\ud800"]}', "#/a/0"],
    ['{"a":"\\udc00\\ud800"}', "#/a"],
    ['{"a":{"b\\u0000":1}}', "#/a/b%00"],
    ['{"a":{"__proto__":{"x":1}}}', "#/a/__proto__"],
    ['{"a":{"\\u005f_proto__":1}}', "#/a/__proto__"],
  ])("%s has something that cannot be kept", (text, place) => expect(places(text).unkept).toEqual([place]));

  test("with pairs of surrogates and escaped backslashes before a u is kept", () => {
    expect(places('{"a":"\\ud83d\\ude00","b":"\\\\ud800"}').unkept).toEqual([]);
  });

  test(`is nested ${MAX_DEPTH} levels at most; a hundred thousand take no longer`, () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    expect(places(nested(MAX_DEPTH)).malformed).toEqual([]);
    expect(places(nested(MAX_DEPTH + 1)).malformed).toHaveLength(1);
    expect(places("[".repeat(100_000)).malformed).toHaveLength(1);
  });

  test("that is no JSON is left to the parser, whatever it is", () => {
    fc.assert(fc.property(fc.string(), (text) => void inspectJson(text)));
    fc.assert(fc.property(fc.stringMatching(/^[{}[\]",:\\u0-9a-eE.-]{0,40}$/), (text) => void inspectJson(text)));
  });

  test("with very many faults tells the first hundred", () => {
    expect(inspectJson(`[${'"\\u0000",'.repeat(500)}1]`).unkept).toHaveLength(100);
  });
});
