import { Hono } from "hono";
import { compress } from "hono/compress";
import style from "../../public/docs/docs.css" with { type: "text" };
import type { AppEnv } from "../http/env.ts";
import { type DescribedIdentity, openApiDocument } from "./document.ts";
import { renderDocs } from "./page.ts";

const HEADERS = { "Cache-Control": "no-cache" };

const PAGE_HEADERS = {
  ...HEADERS,
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** Where the page's style is: below its own path, so that nobody takes it for one of the ops page's. */
const STYLE = "/docs/docs.css";

/** `GET /openapi.json`, and `GET /docs`, which is the same for people: a page without a script. Both are made when first asked for. */
export function openApiRoutes(version: string, icon: string, identity: DescribedIdentity) {
  let json: string | undefined;
  let page: string | undefined;
  return new Hono<AppEnv>()
    .get("/openapi.json", compress(), (c) => {
      json ??= JSON.stringify(openApiDocument(version, identity));
      return c.body(json, 200, { ...HEADERS, "Content-Type": "application/json" });
    })
    .get("/docs", compress(), (c) => {
      page ??= renderDocs(openApiDocument(version, identity), { style: STYLE, icon });
      return c.body(page, 200, PAGE_HEADERS);
    })
    .get(STYLE, compress(), (c) => c.body(style, 200, { ...HEADERS, "Content-Type": "text/css; charset=utf-8" }));
}
