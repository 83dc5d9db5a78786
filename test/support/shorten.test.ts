import { expect, test } from "bun:test";
import { shorten } from "./shorten.ts";

test("durations and counts of seconds are divided, and nothing else", () => {
  const text = `global:
  scrape_interval: 15s
  scrape_timeout: 5s
groups:
  - name: a.5m
    interval: 15s
    rules:
      - alert: A
        expr: |
          sum_over_time(a:ratio_rate5m[5m]) / clamp_min(count_over_time(b[30d]), 20) > 14.4
          and time() - c > 60 # seconds
        for: 2m
        annotations: { summary: For 2m and 60 seconds. }
`;
  expect(shorten(text, { by: 60 })).toBe(`global:
  scrape_interval: 250ms
groups:
  - name: a.5m
    interval: 250ms
    rules:
      - alert: A
        expr: |
          sum_over_time(a:ratio_rate5m[5000ms]) / clamp_min(count_over_time(b[43200000ms]), 20) > 14.4
          and time() - c > 1 # seconds
        for: 2000ms
        annotations: { summary: For 2m and 60 seconds. }
`);
});

test("a text that is to be replaced and is not there is a mistake", () => {
  expect(shorten("targets: [server-1:9010]", { by: 1, replace: { "server-1:9010": "127.0.0.1:1" } })).toBe(
    "targets: [127.0.0.1:1]",
  );
  expect(() => shorten("targets: []", { by: 1, replace: { "server-1:9010": "127.0.0.1:1" } })).toThrow("server-1:9010");
});
