import { expect, test } from "bun:test";
import { continueTrace, parseTraceparent } from "./trace.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test("a caller's trace goes on with a span of ours and the caller's flags", () => {
  for (const flags of ["00", "01"]) {
    const { traceId, traceparent } = continueTrace(`00-${TRACE}-${SPAN}-${flags}`);
    expect(traceId).toBe(TRACE);
    expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${flags}$`));
    expect(traceparent).not.toContain(SPAN);
  }
});

test("a later version's header is read by its first four parts", () => {
  expect(continueTrace(`cc-${TRACE}-${SPAN}-01-what-comes`).traceId).toBe(TRACE);
});

test.each([
  undefined,
  "",
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE}-${SPAN}-01,00-${TRACE}-${SPAN}-01`,
])("a new trace is begun in place of %p", (header) => {
  const { traceId, traceparent } = continueTrace(header);
  expect(traceId).not.toBe(TRACE);
  expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

test("flags that level 1 does not know are not passed on", () => {
  expect(continueTrace(`00-${TRACE}-${SPAN}-ff`).traceparent).toMatch(/-01$/);
  expect(continueTrace(`00-${TRACE}-${SPAN}-fe`).traceparent).toMatch(/-00$/);
});

test("a traceparent is read by its parts", () => {
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true });
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-02`)?.isSampled).toBe(false);
  for (const none of [null, undefined, "00-test"]) expect(parseTraceparent(none)).toBeUndefined();
});
