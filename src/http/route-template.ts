/** A parameter of Hono's with the only text that it takes, such as `:collection{jobs:batch}`. */
const FIXED_PARAMETER = /:\w+\{([^{}]+)\}/g;
const ENTITY = /^\/api\/crm\/(?:jobs|accounts|contacts)(?=\/|$)/;
/** Answers that have no end. */
const STREAMS = new Set(["/crm-events", "/autoheal/events"]);

/** A route's path as its requests are counted: as `/api/crm/jobs/:id`; files, whose names change with their content, as one. */
export function routeTemplate(path: string): string {
  if (path.startsWith("/assets/")) return "/assets/:file";
  return path.replace(FIXED_PARAMETER, "$1");
}

/**
 * What its durations are counted as; undefined for a route whose duration nobody needs. A histogram is eight series, so routes
 * that do alike work share one.
 */
export function latencyRoute(template: string): string | undefined {
  if (STREAMS.has(template)) return undefined;
  if (template.startsWith("/api/crm/")) return template.replace(ENTITY, "/api/crm/:entity");
  if (template.startsWith("/api/ops/")) return "/api/ops/*";
  if (template.startsWith("/autoheal/")) return "/autoheal/*";
  return template === "/ops/crm-events" ? template : undefined;
}
