import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import { METHOD_NAME_ALL } from "hono/router";
import type { RouterRoute } from "hono/types";

const ENTITY = /^\/api\/crm\/(?:jobs|accounts|contacts)(?=\/|$)/;

/** The route that takes a request, rather than the middleware before it; undefined when none does. */
export function routeOf(c: Context): RouterRoute | undefined {
  return matchedRoutes(c).findLast(({ method }) => method !== METHOD_NAME_ALL);
}

/** A route's path as its requests are counted: as `/api/crm/jobs/:id`; files, whose names change with their content, as one. */
export function routeTemplate(path: string): string {
  if (path.startsWith("/assets/")) return "/assets/:file";
  return path;
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
