import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "../support/server.ts";

export const GRAFANA = join(ROOT, "grafana");
export const PROMETHEUS = join(GRAFANA, "prometheus");

const recording = z.strictObject({
  record: z.string(),
  expr: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
});
const alerting = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook: z.string() }),
});
const rulesFile = z.strictObject({
  groups: z.array(
    z.strictObject({ name: z.string(), interval: z.string(), rules: z.array(z.union([recording, alerting])) }),
  ),
});

export type Recording = z.output<typeof recording>;
export type Alerting = z.output<typeof alerting>;

/** Every rule, with the group that it stands in. */
export async function readRules(): Promise<{ group: string; rule: Recording | Alerting }[]> {
  const files = readdirSync(join(PROMETHEUS, "rules")).toSorted();
  const groups = await Promise.all(
    files.map(async (file) => rulesFile.parse(await readYaml(join(PROMETHEUS, "rules", file))).groups),
  );
  return groups.flat().flatMap(({ name, rules }) => rules.map((rule) => ({ group: name, rule })));
}

export async function readAlerts(): Promise<Alerting[]> {
  return (await readRules()).flatMap(({ rule }) => ("alert" in rule ? [rule] : []));
}

export async function readRecordings(): Promise<Recording[]> {
  return (await readRules()).flatMap(({ rule }) => ("record" in rule ? [rule] : []));
}

export async function readYaml(path: string): Promise<unknown> {
  return Bun.YAML.parse(await Bun.file(path).text());
}
