import type { Theme } from "../../public/ops/theme.ts";
import type { Asset, Assets } from "./assets.ts";

/** What a page of ours is made of. */
export interface DocumentInput {
  /** Before the name of the product. */
  readonly title: string;
  readonly description: string;
  readonly theme: Theme;
  /** A sentence for who has scripts off. */
  readonly withoutScripts: string;
  readonly assets: Pick<Assets, "style" | "icon"> & {
    /** What the page has beside the style of all pages. */
    readonly more?: Asset;
  };
  readonly script: Asset;
  /** HTML of what the script takes over. */
  readonly body: string;
  /** Ids: of the element around the body, and of the data block, `<id>-state`. */
  readonly id: string;
  /** What the script goes on from. */
  readonly data: unknown;
}

/** A whole HTML document: nothing inline, its data as JSON that never runs. */
export function renderDocument(input: DocumentInput): string {
  const { title, description, theme, withoutScripts, assets, script, body, id, data } = input;
  return `<!doctype html>
<html lang="en"${theme === "system" ? "" : ` data-theme="${theme}"`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<meta name="description" content="${description}">
<title>${title} · AetherLink</title>
<link rel="icon" href="${assets.icon.path}" type="image/svg+xml">
<link rel="stylesheet" href="${assets.style.path}">
${assets.more === undefined ? "" : `<link rel="stylesheet" href="${assets.more.path}">\n`}<script type="module" src="${script.path}"></script>
</head>
<body>
<p class="no-script">${withoutScripts}</p>
<div id="${id}">${body}</div>
<script type="application/json" id="${id}-state">${dataBlock(data)}</script>
</body>
</html>
`;
}

/**
 * JSON that can stand in a script element: no `<` that could end the element or begin a comment in it
 * (https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements), and no line
 * separators, which older parsers of JavaScript do not take in a string.
 */
export function dataBlock(data: unknown): string {
  return JSON.stringify(data).replace(/[<\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
