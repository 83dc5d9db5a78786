import { join } from "node:path";
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
}

/** Assets that a build step has made beforehand: a compiled binary carries no sources to bundle. */
export interface PrebuiltAssets {
  /** Text of the browser script, as `bundleScript` returns it. */
  readonly script?: string;
}

/** Hexadecimal digits of the content's SHA-256 in a path. */
const HASH_DIGITS = 12;

/**
 * Bundles what is not prebuilt and names everything by its content.
 * @throws {AggregateError} when the browser script does not compile
 */
export async function loadAssets(prebuilt: PrebuiltAssets = {}): Promise<Assets> {
  const script = prebuilt.script ?? (await bundleScript());
  return {
    script: asset("ops", "js", "text/javascript; charset=utf-8", script),
    style: asset("ops", "css", "text/css; charset=utf-8", style),
    icon: asset("favicon", "svg", "image/svg+xml", icon),
  };
}

/**
 * The browser script, minified, as one ES module. The same sources give the same bytes.
 * @throws {AggregateError} when it does not compile
 */
export async function bundleScript(): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "../../public/ops/main.ts")],
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
