import { expect, test } from "bun:test";
import fc from "fast-check";
import { compile as compileOnServer, NO_FILTER } from "../stream/filter.ts";
import { Frame } from "../stream/frame.ts";
import { EVERYTHING } from "../stream/viewer.ts";
import { compile, narrow, parse, print, suggest, type Term, withTerm } from "./index.ts";

const word = fc.oneof(
  fc.constantFrom(
    "Job",
    "Created",
    "roof",
    "Open",
    "Köln",
    "O'Brien",
    "a/b",
    "-x",
    "type:",
    'say "hi"',
    "back\\slash",
    "*",
    "é",
    "1e21",
  ),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }),
);
const tenant = fc.constantFrom("aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b");
const key = fc.constantFrom("type", "tenant", "aggregate", "status", "data.title", "header.ce_id", undefined);
const term: fc.Arbitrary<Term> = fc
  .record({
    negated: fc.boolean(),
    key,
    pieces: fc.array(fc.oneof(word, tenant, fc.constant("")), { minLength: 1, maxLength: 3 }),
  })
  .filter(({ key, pieces }) => key !== undefined || pieces.join("") !== "" || pieces.length > 1);
/** What people type, and what they do not. */
const source = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("type:", "status:", "Job*", '"', "\\", "-", " ", "*", "x", "foo:", ":"), { maxLength: 20 })
    .map((parts) => parts.join("")),
);

test("no text makes it throw, and every letter of it is a part of one term or fault, in order", () => {
  fc.assert(
    fc.property(source, (text) => {
      const { terms, faults } = parse(text);
      const spans = [...terms, ...faults].sort((a, b) => a.from - b.from);
      let at = 0;
      for (const { from, to } of spans) {
        expect(text.slice(at, from).trim()).toBe("");
        expect(to).toBeGreaterThan(from);
        at = to;
      }
      expect(text.slice(at).trim()).toBe("");
    }),
  );
});

test("whatever terms are written are read as the same terms", () => {
  fc.assert(
    fc.property(fc.array(term, { maxLength: 8 }), (terms) => {
      const read = parse(print(terms));
      expect(read.faults).toEqual([]);
      expect(read.terms.map(({ from: _, to: __, ...rest }) => rest)).toEqual(terms);
    }),
  );
});

test("a filter with a term added asks for that term and for all that it asked for, its opposite aside", () => {
  fc.assert(
    fc.property(fc.array(term, { maxLength: 4 }), term, (terms, added) => {
      const next = parse(withTerm(print(terms), added));
      expect(next.faults).toEqual([]);
      const fits = ({ key, pieces, negated }: Term) =>
        JSON.stringify([key, pieces.map((p) => p.toLowerCase()), negated]);
      expect(next.terms.map(fits)).toContain(fits(added));
      expect(next.terms.length).toBeGreaterThanOrEqual(terms.length);
    }),
  );
});

test("whatever the filter lets through the server sends when it is asked for the filter's narrow part", () => {
  let both = 0;
  fc.assert(
    fc.property(
      fc.array(term, { maxLength: 3 }),
      fc.record({
        type: word,
        tenant,
        key: word,
        id: word,
        title: fc.oneof(word, fc.double()),
        status: word,
        rest: fc.jsonValue({ maxDepth: 2 }),
      }),
      (terms, of) => {
        const value = { data: { title: of.title, status: of.status }, rest: of.rest };
        const headers = { ce_type: of.type, ce_tenantid: of.tenant, ce_id: of.id };
        const frame = new Frame(
          { topic: "t", partition: 0, offset: 0, timestamp: 0, key: of.key, value: JSON.stringify(value), headers },
          "0:1",
        );
        // What it asks for is made up of what the event has, or nothing would ever match.
        const wanted = terms.map((t) => ({
          ...t,
          pieces: bend(t, { ...headers, key: of.key, title: String(of.title), status: of.status }),
        }));
        if (!compile({ terms: wanted.map((t) => ({ ...t, from: 0, to: 0 })) })(JSON.parse(frame.json))) return;
        const asked = narrow({ terms: wanted.map((t) => ({ ...t, from: 0, to: 0 })) });
        const of_ = (name: string) => asked.filter(([parameter]) => parameter === name).map(([, text]) => text);
        const filter = {
          ...NO_FILTER,
          types: of_("type"),
          tenants: of_("tenant"),
          aggregates: of_("aggregate"),
          texts: of_("q"),
        };
        if (asked.length > 0) both += 1;
        expect(compileOnServer(EVERYTHING, filter)?.(frame) ?? true).toBe(true);
      },
    ),
    { numRuns: 3_000 },
  );
  expect(both).toBeGreaterThan(100);
});

test("a suggestion that is taken stands where the cursor was, and the rest of the filter as it was", () => {
  const seen = () => ["JobCreated", "In progress", 'say "hi"', "*", "-x"];
  fc.assert(
    fc.property(source, fc.nat(30), (text, at) => {
      const cursor = Math.min(at, text.length);
      const { from, to, items } = suggest(text, cursor, seen);
      expect(from <= cursor && cursor <= to).toBe(true);
      for (const item of items) {
        const next = parse(text.slice(0, from) + item.text + text.slice(to));
        const before = parse(text).terms.filter((t) => t.to < from).length;
        expect(next.terms.filter((t) => t.to < from).length).toBe(before);
      }
    }),
  );
});

/** The term, asking for a part of what the event has under its key. */
function bend({ key, pieces, negated }: Term, event: Readonly<Record<string, string>>): readonly string[] {
  if (negated) return pieces;
  const fields: Readonly<Record<string, string | undefined>> = {
    type: event.ce_type,
    tenant: event.ce_tenantid,
    aggregate: event.key,
    status: event.status,
    "header.ce_id": event.ce_id,
  };
  const text = fields[key ?? ""] ?? event.title ?? "";
  return pieces.length === 1 ? [text] : [text.slice(0, 2), ...pieces.slice(2).map(() => ""), ""];
}
