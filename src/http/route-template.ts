/** A parameter of Hono's with the only text that it takes, such as `:collection{jobs:batch}`. */
const FIXED_PARAMETER = /:\w+\{([^{}]+)\}/g;
const ENTITY = /^\/api\/crm\/(?:jobs|accounts|contacts)(?=\/|$)/;

/** A route's path as its requests are counted: as `/api/crm/jobs/:id`; files, whose names change with their content, as one. */
export function routeTemplate(path: string): string {
  if (path.startsWith("/assets/")) return "/assets/:file";
  return path.replace(FIXED_PARAMETER, "$1");
}

/**
 * What its durations are counted as; undefined for those whose duration says nothing, such as streams, or that nobody waits for. A histogram is eight series, so routes
 * that do alike work share one.
 */
export function latencyRoute(template: string): string | undefined {
  if (template.startsWith("/api/crm/")) return template.replace(ENTITY, "/api/crm/:entity");
  if (template.startsWith("/api/ops/")) return "/api/ops/*";
  return template === "/ops/crm-events" ? template : undefined;
}
