export { Autoheal } from "./autoheal.ts";
export type { Parts } from "./parts.ts";
export { type AutohealRouteDependencies, alertRoutes, autohealRoutes } from "./routes.ts";
export { parseRules, RulesError } from "./rules.ts";
export { readRulesFile } from "./rules-file.ts";
export { autohealOverview } from "./status.ts";
