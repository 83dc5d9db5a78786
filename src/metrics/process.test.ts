import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Registry } from "prom-client";
import { until } from "../../test/support/wait.ts";
import { LoopLag, showBuild, watchProcess } from "./process.ts";

const lags: LoopLag[] = [];
afterEach(async () => {
  for (const lag of lags.splice(0)) await lag.stop();
});

const valuesOf = async (registry: Registry) =>
  Object.fromEntries(
    [...(await registry.metrics()).matchAll(/^([a-z]\S+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  ) as Record<string, number>;
const linux = process.platform === "linux";
const proc = (file: string) => readFileSync(`/proc/self/${file}`, "utf8");
/** A field of /proc/self/stat by its number in proc(5); the second, the name, may have spaces in it. */
const stat = (field: number) => Number(proc("stat").split(") ")[1]?.split(" ")[field - 3]);

test.skipIf(!linux)("the process's series say what the kernel says", async () => {
  const registry = new Registry();
  watchProcess(registry);
  const busyUntil = performance.now() + 200;
  while (performance.now() < busyUntil) Math.sqrt(busyUntil);
  const values = await valuesOf(registry);
  // Kernel's clock ticks are of 10 ms.
  const cpu = (stat(14) + stat(15)) / 100;
  expect(Math.abs((values.process_cpu_seconds_total ?? 0) - cpu)).toBeLessThan(0.2);
  const bootedAt = Number(/^btime (\d+)/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
  expect(Math.abs((values.process_start_time_seconds ?? 0) - (bootedAt + stat(22) / 100))).toBeLessThanOrEqual(2);
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(proc("status"))?.[1]) * 1_024;
  expect(Math.abs((values.process_resident_memory_bytes ?? 0) - resident)).toBeLessThan(0.2 * resident);
  expect(values.process_max_fds).toBe(Number(/^Max open files\s+(\d+)/m.exec(proc("limits"))?.[1]));
});

test.skipIf(!linux)("a file that is opened is one open file more", async () => {
  const registry = new Registry();
  watchProcess(registry);
  const before = (await valuesOf(registry)).process_open_fds ?? 0;
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  expect((await valuesOf(registry)).process_open_fds).toBe(before + 1);
  server.stop(true);
});

test("time that the event loop was kept busy is seen as lag, and none is seen after stop", async () => {
  const registry = new Registry();
  const lag = new LoopLag(registry);
  lags.push(lag);
  lag.start();
  lag.start();
  await until("it has looked", 5_000, async () => ((await valuesOf(registry)).event_loop_lag_seconds_count ?? 0) > 0);
  const busyUntil = performance.now() + 400;
  while (performance.now() < busyUntil) Math.sqrt(busyUntil);
  const late = (values: Record<string, number>) =>
    (values.event_loop_lag_seconds_count ?? 0) - (values['event_loop_lag_seconds_bucket{le="0.25"}'] ?? 0);
  await until("the lag is seen", 5_000, async () => late(await valuesOf(registry)) >= 1);
  await lag.stop();
  await lag.stop();
  const { event_loop_lag_seconds_count: count } = await valuesOf(registry);
  // For as long as another one takes to look twice.
  const other = new Registry();
  const second = new LoopLag(other);
  lags.push(second);
  second.start();
  await until(
    "the other has looked",
    5_000,
    async () => ((await valuesOf(other)).event_loop_lag_seconds_count ?? 0) >= 2,
  );
  expect((await valuesOf(registry)).event_loop_lag_seconds_count).toBe(count as number);
});

test("the build is told by labels", async () => {
  const registry = new Registry();
  showBuild(registry, { version: "1.2.3", commit: "abc1234", bun: "1.4.5" });
  expect(await valuesOf(registry)).toEqual({
    'aetherlink_build_info{version="1.2.3",commit="abc1234",bun="1.4.5"}': 1,
  });
});
