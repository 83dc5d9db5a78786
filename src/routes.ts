import { Hono } from "hono";
import { timeout } from "hono/timeout";
import type { Registry } from "prom-client";
import type { Ambient } from "./ambient.ts";
import { authenticate, sendToLogin } from "./auth/authenticate.ts";
import { sendCookies } from "./auth/cookies.ts";
import { crmRole, opsRole, pickTenant, viewerOf, viewerRole } from "./auth/identity.ts";
import type { Auth } from "./auth/open.ts";
import { loginRoutes } from "./auth/routes.ts";
import { type AutohealRouteDependencies, alertRoutes, autohealOverview, autohealRoutes } from "./autoheal/index.ts";
import { crmRoutes } from "./crm/api.ts";
import type { CrmDependencies } from "./crm/context.ts";
import type { Sql } from "./db/pool.ts";
import { BODY_LIMITS, bodyLimits } from "./http/body.ts";
import { requestContext } from "./http/context.ts";
import type { AppEnv, BodyLimits, CallerEnv } from "./http/env.ts";
import { notFound, onError, refuseUnrouted, tooSlow } from "./http/errors.ts";
import { headLength } from "./http/head.ts";
import { type HealthDependencies, healthRoutes } from "./http/health.ts";
import type { HttpMetrics } from "./http/metrics.ts";
import { crossOrigin, limitTarget, securityHeaders } from "./http/security.ts";
import { NO_LIMIT, type TenantLimit, tenantLimit } from "./http/tenant-limit.ts";
import type { Logger } from "./metrics/logger.ts";
import { metricsRoutes } from "./metrics/routes.ts";
import type { Tracing } from "./metrics/tracing/tracing.ts";
import { openApiRoutes } from "./openapi/routes.ts";
import { type Assets, autohealPageRoutes, opsRoutes } from "./ops/index.ts";
import { type OutboxStatus, outboxRoutes } from "./outbox/index.ts";
import { type Hub, streamRoutes } from "./stream/index.ts";

export interface RouteDependencies {
  readonly logger: Logger;
  readonly ambient: Ambient;
  readonly auth: Auth;
  readonly crm: CrmDependencies;
  readonly registry: Registry;
  /** Undefined where requests are not counted. */
  readonly metrics?: HttpMetrics | undefined;
  /** Undefined where they are not traced. */
  readonly tracing?: Tracing | undefined;
  readonly outbox: { readonly sql: Sql; readonly status: OutboxStatus };
  readonly hub: Hub;
  readonly autoheal: AutohealRouteDependencies;
  readonly assets: Assets;
  readonly health: HealthDependencies;
  /** What callers are held to; what is missing is as `HTTP_LIMITS` has it. */
  readonly http?: Partial<HttpLimits>;
}

export interface HttpLimits {
  readonly body: BodyLimits;
  readonly tenant: TenantLimit;
  /** Origins whose pages may call the API; none by default. */
  readonly corsOrigins: readonly string[];
}

/** What holds where the configuration says nothing. */
export const HTTP_LIMITS: HttpLimits = {
  body: BODY_LIMITS,
  tenant: { requests: NO_LIMIT, bodyBytes: NO_LIMIT },
  corsOrigins: [],
};

/** Every route and middleware of the server, in order. */
export function createRoutes(deps: RouteDependencies): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  const { body, tenant, corsOrigins } = { ...HTTP_LIMITS, ...deps.http };
  // Reading the body has a time limit of its own, and none of what comes after should pay for a slow one.
  const inTime = timeout(REQUEST_MS + body.timeoutMs, tooSlow);
  app.onError(onError);
  app.notFound(notFound(app));
  app.use(requestContext(deps.logger, deps.ambient, deps.metrics, deps.tracing));
  app.use(headLength, securityHeaders, limitTarget);
  if (corsOrigins.length > 0) app.use(crossOrigin(corsOrigins));
  app.use(refuseUnrouted(app), bodyLimits(body));
  app.route("/", healthRoutes(deps.health));
  app.route("/", metricsRoutes(deps.registry));
  const identity = { tokens: deps.auth.tokens !== undefined, login: deps.auth.login !== undefined };
  app.route("/", openApiRoutes(deps.health.version, deps.assets.icon.path, identity));
  if (deps.auth.sessions !== undefined) app.use(sendCookies());
  if (deps.auth.login !== undefined) app.route("/", loginRoutes({ ...deps.auth.login, home: deps.health.page }));
  const signedIn = authenticate(deps.auth);
  app.use("/api/crm/*", inTime, signedIn, crmRole, pickTenant(), tenantLimit(tenant));
  app.route("/api/crm", crmRoutes(deps.crm));
  app.use("/api/ops/*", inTime, signedIn, opsRole);
  app.route("/api/ops/outbox", outboxRoutes(deps.outbox));
  // Before the identity: Alertmanager has a token of its own.
  app.use("/autoheal/alert", inTime);
  app.route("/", alertRoutes(deps.autoheal));
  for (const path of ["status", "audit", "ack"]) app.use(`/autoheal/${path}`, inTime, signedIn, opsRole);
  app.use("/autoheal/events", signedIn, opsRole);
  app.route("/autoheal", autohealRoutes(deps.autoheal));
  app.use("/crm-events", signedIn, viewerRole);
  app.route(
    "/",
    streamRoutes<CallerEnv>(deps.hub, (c) => viewerOf(c.var.caller)),
  );
  app.use("/ops/autoheal", inTime, sendToLogin(deps.auth), signedIn, opsRole);
  app.route("/", autohealPageRoutes({ assets: deps.assets, overview: () => autohealOverview(deps.autoheal) }));
  app.use("/ops/crm-events", sendToLogin(deps.auth), signedIn, viewerRole);
  app.route(
    "/",
    opsRoutes({
      snapshot: (caller, wanted) => deps.hub.snapshot(PAGE_EVENTS, viewerOf(caller), wanted),
      outbox: () => deps.outbox.status.overview(PAGE_LETTERS),
      assets: deps.assets,
    }),
  );
  deps.metrics?.know(app.routes);
  return app;
}

/** Milliseconds that a request may take; a database that hangs must not take its callers along. */
const REQUEST_MS = 10_000;

/** Events that the page is rendered with. */
const PAGE_EVENTS = 500;
/** Dead letters that it lists. */
const PAGE_LETTERS = 20;
