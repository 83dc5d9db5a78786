import { describe, expect, test } from "bun:test";
import css from "./ops.css" with { type: "text" };

// WCAG 2.2, 1.4.3: 4.5 for text. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
const AA = 4.5;
const [light, dark] = [1, 2].map(tokens);

const SURFACES = ["bg", "raised", "hover"];
const PAIRS = [
  ...["text", "text-2", "text-3"].flatMap((text) => SURFACES.map((surface) => [text, surface] as const)),
  ...["created", "updated", "deleted", "status", "other"].map((tone) => [tone, `${tone}-bg`] as const),
  // The first moment of a flash is the strongest.
  ...["created", "updated", "deleted", "status", "other"].map((tone) => ["text-2", `${tone}-bg`] as const),
];

describe.each([
  ["dark", dark],
  ["light", light],
] as const)("the %s theme", (_, theme) => {
  test.each(PAIRS)("shows %s on %s with a contrast of at least 4.5", (text, surface) => {
    expect(contrast(theme?.get(text), theme?.get(surface))).toBeGreaterThanOrEqual(AA);
  });
});

/** @param at 1 for the first of `light-dark(…, …)`, 2 for the second; a colour of both themes stands alone */
function tokens(at: number): Map<string, string> {
  const pattern = /--([\w-]+):\s*(?:light-dark\((#[\da-f]{6}), (#[\da-f]{6})\)|(#[\da-f]{6}));/g;
  return new Map([...css.matchAll(pattern)].map((found) => [found[1] ?? "", found[at + 1] ?? found[4] ?? ""]));
}

function contrast(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) throw new Error("a colour is missing");
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
