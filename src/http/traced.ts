import type { Context } from "hono";
import type { Outcome } from "../metrics/tracing/tracing.ts";
import type { AppEnv } from "./env.ts";
import { routeOf, routeTemplate } from "./route-template.ts";

/**
 * A request as a span, once it is answered. Names of attributes are those of
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span and two of ours.
 */
export function requestOutcome(c: Context<AppEnv>, endMs: number): Outcome {
  const route = routeOf(c);
  const template = route === undefined ? undefined : routeTemplate(route.path);
  const { method, path } = c.req;
  const { status } = c.res;
  const tenantId = c.var.identity?.tenantId;
  return {
    name: template === undefined ? method : `${method} ${template}`,
    endMs,
    attributes: {
      "http.request.method": method,
      "http.response.status_code": status,
      "url.path": path,
      "aetherlink.request.id": c.var.requestId,
      ...(template === undefined ? {} : { "http.route": template }),
      ...(tenantId === undefined ? {} : { "aetherlink.tenant.id": tenantId }),
    },
    // As the conventions have it, a caller's fault is none of the server's.
    error: status >= 500 ? `status ${status}` : undefined,
  };
}
