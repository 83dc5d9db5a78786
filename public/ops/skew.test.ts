import { expect, test } from "bun:test";
import fc from "fast-check";
import { SkewMeter } from "./skew.ts";

test("nothing is known before the server was asked and has answered", () => {
  const meter = new SkewMeter();
  expect(meter.skew).toBeUndefined();
  meter.note(1_000, 1_500);
  expect(meter.skew).toBeUndefined();
  meter.note(1_000, 1_500, 1_480);
  expect(meter.skew).toEqual({ ms: 490, error: 10 });
});

test("whatever the ways there and back take, the true skew is within the error", () => {
  const trip = fc.record({ there: fc.nat(400), back: fc.nat(400), wait: fc.nat(20_000) });
  fc.assert(
    fc.property(
      fc.integer({ min: -100_000, max: 100_000 }),
      fc.array(trip, { minLength: 1, maxLength: 20 }),
      (skew, trips) => {
        const meter = new SkewMeter();
        let now = 1_795_418_580_000;
        for (const { there, back, wait } of trips) {
          const askedAt = now + skew;
          now += there;
          meter.note(now, now + back + skew, askedAt);
          now += back + wait;
        }
        const found = meter.skew;
        expect(Math.abs((found?.ms ?? Number.NaN) - skew)).toBeLessThanOrEqual((found?.error ?? 0) + 1);
        expect(found?.error).toBeLessThanOrEqual(Math.min(...trips.map(({ there, back }) => there + back)) / 2 + 1);
      },
    ),
  );
});

test("a bound of long ago counts no longer, for clocks are set", () => {
  const meter = new SkewMeter();
  meter.note(0, 500, 490);
  meter.note(700_000, 700_000 + 90, 700_000 + 70);
  expect(meter.skew).toEqual({ ms: 80, error: 10 });
});
