import { join } from "node:path";
import { ROOT } from "../blocks.ts";
import type { Dashboard } from "./dashboard.ts";
import { errorBudget } from "./error-budget.ts";
import { pipeline } from "./pipeline.ts";

/** The files of grafana/dashboards, which Grafana reads as they are; test/grafana/dashboards.test.ts fails when one is stale. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  "grafana/dashboards/autoheal_oidc_error_budget.json": errorBudget,
  "grafana/dashboards/aetherlink_pipeline.json": pipeline,
};

export function textOf(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

if (import.meta.main) {
  for (const [path, dashboard] of Object.entries(DASHBOARDS)) await Bun.write(join(ROOT, path), textOf(dashboard));
  process.stdout.write(`${Object.keys(DASHBOARDS).join("\n")}\n`);
}
