import { expect, test } from "bun:test";
import { family, metricsIn } from "./promql.ts";

test("the series of an expression are found, and nothing else", () => {
  const expr = `
    sum by (job, le) (rate(a_total{job="x",route=~"/api/.*"}[5m])) / on (job) group_left (version) slo:b:ratio_rate5m > bool 5 # seconds
    or 0 * absent(c{job="a}b"}) unless time() - timestamp(up) > 1e3 and inf`;
  expect(metricsIn(expr)).toEqual(["a_total", "c", "slo:b:ratio_rate5m", "up"]);
  expect(metricsIn("histogram_quantile(0.95, rate(d_bucket[$__rate_interval])) >= 0")).toEqual(["d_bucket"]);
});

test("the parts of a histogram belong to it, and a name that only ends like one does not", () => {
  const known = new Set(["d_seconds", "job:x:count"]);
  expect(family("d_seconds_bucket", known)).toBe("d_seconds");
  expect(family("job:x:count", known)).toBe("job:x:count");
  expect(family("e_count", known)).toBe("e_count");
});
