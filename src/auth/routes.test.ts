import { expect, test } from "bun:test";
import fc from "fast-check";
import { ownPath } from "./routes.ts";

const ORIGIN = "https://crm.example.com";

test("a path of ours is taken with its query and fragment", () => {
  expect(ownPath("/ops/crm-events?filter=a%20b#x", ORIGIN)).toBe("/ops/crm-events?filter=a%20b#x");
});

test("whatever is taken is a path that leads to our own origin, alone and behind it", () => {
  const piece = fc.constantFrom(
    "/",
    "\\",
    ".",
    "..",
    "@",
    ":",
    "//",
    "%2e",
    "%5c",
    "\t",
    "\n",
    " ",
    "evil.example",
    "x",
    "?",
    "#",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece).map((all) => `/${all.join("")}`),
        fc.webUrl(),
        fc.string(),
      ),
      (text) => {
        const path = ownPath(text, ORIGIN);
        if (path === undefined) return;
        expect(new URL(path, ORIGIN).origin).toBe(ORIGIN);
        expect(new URL(`${ORIGIN}${path}`).origin).toBe(ORIGIN);
        expect(path).not.toMatch(/^\/[/\\]|[\t\n\r]/);
      },
    ),
    { numRuns: 2_000 },
  );
});
