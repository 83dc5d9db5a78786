import { expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_FILTER, readAddress, writeAddress } from "./address.ts";

test("a view is in the address as people can read it, and nothing is when there is nothing to say", () => {
  expect(writeAddress({ filter: "  ", since: undefined })).toBe("/ops/crm-events");
  expect(writeAddress({ filter: "type:Job* roof", since: 0 })).toBe(
    "/ops/crm-events?filter=type%3AJob*+roof&since=1970-01-01T00%3A00%3A00.000Z",
  );
});

test("what is written is read again, whatever was typed", () => {
  const time = fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: undefined });
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), time, (filter, since) => {
      const query = writeAddress({ filter, since }).replace(/^[^?]*/, "");
      expect(readAddress(query, 0)).toEqual({ filter: filter.trim(), since });
    }),
  );
});

test("what cannot be read is as if it were not there, and a filter has its bound", () => {
  expect(readAddress("?since=yesterday&other=1", 0)).toEqual({ filter: "", since: undefined });
  expect(readAddress("?since=5m", 1_000_000)).toEqual({ filter: "", since: 700_000 });
  expect(readAddress(`?filter=${"x".repeat(9_000)}`, 0).filter.length).toBe(MAX_FILTER);
});
