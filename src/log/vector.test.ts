import { expect, test } from "bun:test";
import fc from "fast-check";
import { covers, formatVector, latest, parseVector } from "./vector.ts";

const vectors = fc
  .uniqueArray(fc.tuple(fc.nat(999), fc.nat(Number.MAX_SAFE_INTEGER)), { selector: ([p]) => p, minLength: 1 })
  .map((entries) => new Map(entries));

test("a vector is written with its partitions in order", () => {
  expect(
    formatVector(
      new Map([
        [2, 204],
        [0, 118],
        [1, 97],
      ]),
    ),
  ).toBe("0:118,1:97,2:204");
});

test("every vector is read back as it was written", () => {
  fc.assert(fc.property(vectors, (vector) => Bun.deepEquals(parseVector(formatVector(vector)), vector)));
});

test.each(["", "0", "0:", ":1", "0:1,", "0:1,0:2", "0:-1", "0:1.5", "a:1", "0:1;1:2", "0:99999999999999999", " 0:1"])(
  "%p is no vector",
  (text) => expect(parseVector(text)).toBeUndefined(),
);

test("the latest of two vectors covers both, and nothing less does", () => {
  fc.assert(
    fc.property(vectors, vectors, (a, b) => {
      const both = latest(a, b);
      const least = [...both].every(([p, offset]) => offset === Math.max(a.get(p) ?? 0, b.get(p) ?? 0));
      return covers(both, a) && covers(both, b) && least;
    }),
  );
});
