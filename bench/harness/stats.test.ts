import { expect, test } from "bun:test";
import { exponent, line, median, quantile, spread } from "./stats.ts";

test("quantiles are those of the sorted numbers", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(quantile([4, 1, 3, 2], 0.99)).toBe(4);
  expect(median([])).toBeNaN();
});

test("a spread is median, lowest and highest; one number stands alone", () => {
  expect(spread([1200, 1000, 5000])).toBe("1,200 (1,000 – 5,000)");
  expect(spread([1.25], 1)).toBe("1.3");
});

test("a line through points that lie on one has its slope and no error", () => {
  const { slope, error } = line([
    [0, 1],
    [1, 3],
    [2, 5],
  ]);
  expect(slope).toBeCloseTo(2, 9);
  expect(error).toBeCloseTo(0, 9);
});

test("the exponent of a linear cost is 1, of a constant 0, of a square 2", () => {
  const of = (cost: (n: number) => number) => exponent([1, 10, 100].map((n) => [n, cost(n)] as const)).slope;
  expect(of((n) => 7 * n)).toBeCloseTo(1, 9);
  expect(of(() => 7)).toBeCloseTo(0, 9);
  expect(of((n) => n * n)).toBeCloseTo(2, 9);
});
