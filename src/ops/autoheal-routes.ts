import { Hono } from "hono";
import { compress } from "hono/compress";
import { getCookie } from "hono/cookie";
import type { AutohealData } from "../../public/autoheal/state.ts";
import { readTheme, THEME_COOKIE } from "../../public/ops/theme.ts";
import type { CallerEnv } from "../http/env.ts";
import type { Assets } from "./assets.ts";
import { renderAutohealPage } from "./autoheal-page.ts";
import { PAGE_HEADERS } from "./routes.ts";

export interface AutohealPageDependencies {
  /** How autoheal stands, null when that cannot be read now, and the newest entries of its audit. Never rejects. */
  overview(): Promise<Pick<AutohealData, "status" | "entries">>;
  readonly assets: Assets;
}

/** `GET /ops/autoheal`, for who has the role `ops`. */
export function autohealPageRoutes({ overview, assets }: AutohealPageDependencies) {
  return new Hono<CallerEnv>().get("/ops/autoheal", compress(), async (c) => {
    const { caller } = c.var;
    const user = caller.by === "nothing" ? null : { name: caller.name, cookie: caller.by === "cookie" };
    const theme = readTheme(getCookie(c, THEME_COOKIE));
    const page = renderAutohealPage({ ...(await overview()), user, theme, now: Date.now() }, assets);
    return c.body(page, 200, PAGE_HEADERS);
  });
}
