import { Hono } from "hono";
import { compress } from "hono/compress";
import { getCookie } from "hono/cookie";
import { readAddress } from "../../public/ops/address.ts";
import { readTheme, THEME_COOKIE } from "../../public/ops/theme.ts";
import { parse } from "../filter/index.ts";
import type { Caller } from "../http/caller.ts";
import type { CallerEnv } from "../http/env.ts";
import type { Matches } from "../stream/index.ts";
import type { Asset, Assets } from "./assets.ts";
import { type OpsOutbox, type OpsSnapshot, renderOpsPage } from "./page.ts";
import { wantedBy } from "./wanted.ts";

export interface OpsDependencies {
  /** The newest events that the caller may see and that are wanted, up to 500, and where they end. */
  snapshot(caller: Caller, wanted: Matches): OpsSnapshot;
  /** How the outbox does; null when it cannot be read now. Never rejects. */
  outbox(): Promise<OpsOutbox | null>;
  readonly assets: Assets;
}

/** Everything from our own origin, nothing inline; `frame-ancestors` so that no other site can lay itself over the page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Of every page of ours. */
export const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  // It holds customers' data, and is out of date with the next event.
  "Cache-Control": "no-store",
};

const ASSET_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  // The name changes with the content.
  "Cache-Control": "public, max-age=31536000, immutable",
};

/** `GET /ops/crm-events` and the files it loads, `GET /assets/…`. */
export function opsRoutes(deps: OpsDependencies) {
  const app = new Hono<CallerEnv>().get("/ops/crm-events", compress(), async (c) => {
    const { caller } = c.var;
    const user = caller.by === "nothing" ? null : { name: caller.name, cookie: caller.by === "cookie" };
    const runsServer = caller.roles.has("ops");
    const outbox = runsServer ? await deps.outbox() : null;
    const { origin, search } = new URL(c.req.url);
    const now = Date.now();
    const address = readAddress(search, now);
    const snapshot = deps.snapshot(caller, wantedBy(parse(address.filter), address.since));
    const theme = readTheme(getCookie(c, THEME_COOKIE));
    const page = renderOpsPage({
      snapshot,
      outbox,
      user,
      runsServer,
      theme,
      address,
      now,
      assets: deps.assets,
      origin,
    });
    return c.body(page, 200, PAGE_HEADERS);
  });
  // A route each, so that any other name is what an unknown path is everywhere: 404, for every method.
  for (const { path, type, body } of Object.values<Asset>({ ...deps.assets })) {
    app.get(path, compress(), (c) => c.body(body, 200, { ...ASSET_HEADERS, "Content-Type": type }));
  }
  return app;
}
