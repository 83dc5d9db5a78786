/** What docs/operations.md names is there: metrics, labels, settings, paths, commands, services. */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../../docs/tools/blocks.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { describeConfig } from "../../src/config.ts";
import { examplesOf } from "./examples.ts";

let page: string;
let metrics: Map<string, string>;
beforeAll(async () => {
  page = await Bun.file(join(ROOT, "docs/operations.md")).text();
  // Held to what the program registers by a test of its own.
  const table = await Bun.file(join(ROOT, "docs/metrics.md")).text();
  metrics = new Map([...table.matchAll(/^\| `(\w+)` \|.*$/gm)].map(([row, name = ""]) => [name, row]));
});

const code = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, inner = ""]) => inner);
/** A section of the page with all below it. */
const section = (title: string) => new RegExp(`\n## ${title}\n([\\s\\S]*?)(?=\n## |$)`).exec(page)?.[1] ?? "";
const settings = () =>
  new Set(describeConfig().flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])));

describe("the table of failures", () => {
  const rows = () => section("When something is wrong").matchAll(/^\| (?!---|symptom)(.*) \|$/gm);

  test("has a metric in nearly every row, and every one exists with its labels", () => {
    const all = [...rows()].map(([, row = ""]) => row.split("| ").map((cell) => cell.trim()));
    expect(all.length).toBeGreaterThan(15);
    expect(all.filter(([, metric]) => metric === "")).toHaveLength(1);
    for (const [symptom, ...cells] of all) {
      expect([symptom, cells.length]).toEqual([symptom, 2]);
      for (const text of code(cells.join(" "))) {
        const [, name = "", label, value] = /^([a-z]+(?:_[a-z]+)+)(?:\{(\w+)="(\w+)"\})?$/.exec(text) ?? [];
        if (name === "") continue;
        expect([name, metrics.has(name)]).toEqual([name, true]);
        if (label === undefined) continue;
        const row = metrics.get(name) ?? "";
        expect([name, row.includes(`\`${label}\``)]).toEqual([name, true]);
        // Classes of status stand for themselves; other values are named by the metric's own words.
        expect([name, value, label === "status" || row.includes(value ?? "")]).toEqual([name, value, true]);
      }
    }
  });
});

test("every setting that the page names is one", () => {
  const named = code(page).flatMap((text) => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?==|$)/.exec(text) ?? []);
  expect(named.length).toBeGreaterThan(60);
  expect(named.filter((name) => !settings().has(name) && name !== "NAME_FILE")).toEqual([]);
});

test("every command of ours that the page names is one", () => {
  const names = COMMANDS.map(({ name }) => name);
  const named = code(page).filter((text) => text.startsWith("aetherlink "));
  expect(named.length).toBeGreaterThan(5);
  const unknown = named.filter((text) => !names.some((name) => `${text} `.startsWith(`aetherlink ${name} `)));
  expect(unknown).toEqual([]);
});

test("what a Deployment has to know is YAML, with settings that there are and paths that answer", () => {
  const [example] = examplesOf(page).filter(({ language }) => language === "yaml");
  const { spec } = Bun.YAML.parse(example?.code ?? "") as {
    spec: { template: { spec: { terminationGracePeriodSeconds: number; containers: Record<string, unknown>[] } } };
  };
  const [container] = spec.template.spec.containers;
  const env = container?.env as { name: string; value: string }[];
  expect(env.filter(({ name }) => !settings().has(name))).toEqual([]);
  const value = (name: string) => Number(env.find((one) => one.name === name)?.value);
  const stopMs = value("SHUTDOWN_DELAY_MS") + value("SHUTDOWN_TIMEOUT_MS");
  expect(stopMs).toBeLessThan(1_000 * spec.template.spec.terminationGracePeriodSeconds);
  const probes = ["startupProbe", "readinessProbe", "livenessProbe"].map((name) => {
    const probe = container?.[name] as { httpGet: { path: string } } | undefined;
    return probe?.httpGet.path;
  });
  expect(probes).toEqual(["/healthz/ready", "/healthz/ready", "/healthz/live"]);
});
