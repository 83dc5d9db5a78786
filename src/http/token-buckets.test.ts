import { expect, test } from "bun:test";
import fc from "fast-check";
import { TokenBuckets } from "./token-buckets.ts";

test("a bucket gives its burst at once, then its rate, and fills up again while nobody asks", () => {
  let now = 0;
  const buckets = new TokenBuckets(2, 5, () => now);
  const allowed = () => Array.from({ length: 10 }, () => buckets.take("a").allowed).filter(Boolean).length;
  expect(allowed()).toBe(5);
  expect(buckets.take("a")).toMatchObject({ allowed: false, remaining: 0, nextS: 0.5, fullS: 2.5 });
  now += 500;
  expect(allowed()).toBe(1);
  now += 60_000;
  expect(allowed()).toBe(5);
});

test("a request may cost more than one token: it is allowed when they are all there, and told when they will be", () => {
  let now = 0;
  const buckets = new TokenBuckets(100, 1_000, () => now);
  expect(buckets.take("a", 700)).toMatchObject({ allowed: true, remaining: 300, nextS: 0 });
  expect(buckets.take("a", 500)).toMatchObject({ allowed: false, remaining: 300, nextS: 2, fullS: 7 });
  expect(buckets.take("a", 0)).toMatchObject({ allowed: true, remaining: 300 });
  now += 2_000;
  expect(buckets.take("a", 500)).toMatchObject({ allowed: true, remaining: 0 });
});

test("tenants do not take from each other, and no more are remembered than the limit", () => {
  const buckets = new TokenBuckets(1, 1, () => 0, 3);
  expect(["a", "b", "a", "b"].map((tenant) => buckets.take(tenant).allowed)).toEqual([true, true, false, false]);
  for (let i = 0; i < 100; i++) buckets.take(`other ${i}`);
  expect(buckets.size).toBe(3);
});

test("never allows more than burst + rate × time, whatever the pauses", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 }),
      (rate, burst, pauses) => {
        let now = 0;
        const buckets = new TokenBuckets(rate, burst, () => now);
        let allowed = 0;
        for (const pause of pauses) {
          now += pause;
          if (buckets.take("a").allowed) allowed++;
        }
        expect(allowed).toBeLessThanOrEqual(burst + (rate * now) / 1000 + 1e-6);
      },
    ),
    { numRuns: 50 },
  );
});
