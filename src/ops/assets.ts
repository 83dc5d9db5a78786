import { join } from "node:path";
// As text that never runs: see below.
import "../../public/autoheal/app.ts" with { type: "text" };
import autohealStyle from "../../public/autoheal/autoheal.css" with { type: "text" };
import "../../public/autoheal/main.ts" with { type: "text" };
import "../../public/autoheal/stream.ts" with { type: "text" };
import icon from "../../public/favicon.svg" with { type: "text" };
// Only the bundler reads these three; named here, as text that never runs, they are watched by `bun --watch` as well.
import "../../public/ops/app.ts" with { type: "text" };
import "../../public/ops/main.ts" with { type: "text" };
import style from "../../public/ops/ops.css" with { type: "text" };
import "../../public/ops/stream.ts" with { type: "text" };

/** One static file, served at a path that changes with its content. */
export interface Asset {
  /** Such as `/assets/ops-1a2b3c4d5e6f.css`. */
  readonly path: string;
  /** Content-Type. */
  readonly type: string;
  readonly body: string;
}

/** What the page loads. */
export interface Assets {
  readonly script: Asset;
  readonly style: Asset;
  readonly icon: Asset;
  /** Of the page of autoheal, which has the style of all pages too. */
  readonly autohealScript: Asset;
  readonly autohealStyle: Asset;
}

/** Assets that a build step has made beforehand: a compiled binary carries no sources to bundle. */
export interface PrebuiltAssets {
  /** Text of each page's browser script, as `bundleScript` returns it. */
  readonly script?: string;
  readonly autohealScript?: string;
}

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";
/** Hexadecimal digits of the content's SHA-256 in a path. */
const HASH_DIGITS = 12;

/**
 * Bundles what is not prebuilt and names everything by its content.
 * @throws {AggregateError} when the browser script does not compile
 */
export async function loadAssets(prebuilt: PrebuiltAssets = {}): Promise<Assets> {
  const [script, autohealScript] = await Promise.all([
    prebuilt.script ?? bundleScript(),
    prebuilt.autohealScript ?? bundleScript("autoheal"),
  ]);
  return {
    script: asset("ops", "js", SCRIPT, script),
    style: asset("ops", "css", STYLE, style),
    icon: asset("favicon", "svg", "image/svg+xml", icon),
    autohealScript: asset("autoheal", "js", SCRIPT, autohealScript),
    autohealStyle: asset("autoheal", "css", STYLE, autohealStyle),
  };
}

/**
 * A page's browser script, minified, as one ES module. The same sources give the same bytes.
 * @throws {AggregateError} when it does not compile
 */
export async function bundleScript(page: "ops" | "autoheal" = "ops"): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "../../public", page, "main.ts")],
    target: "browser",
    minify: true,
  });
  const [output] = outputs;
  if (output === undefined) throw new Error("the bundler made no browser script");
  return output.text();
}

function asset(name: string, extension: string, type: string, body: string): Asset {
  const hash = new Bun.CryptoHasher("sha256").update(body).digest("hex").slice(0, HASH_DIGITS);
  return { path: `/assets/${name}-${hash}.${extension}`, type, body };
}
