import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fingerprint, parseKey, type RequestShape } from "./key.ts";

describe("the Idempotency-Key header", () => {
  test("may be missing", () => expect(parseKey(undefined)).toBeUndefined());

  test.each(["a", "test-key-123", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~".repeat(255)])("%p is a key", (key) =>
    expect(parseKey(key)).toBe(key),
  );

  test.each(["", "a".repeat(256), "a b", "a, b", "ä", "a\tb", "\x7f"])("%p is refused, naming the header", (key) =>
    expect(() => parseKey(key)).toThrow("Idempotency-Key"),
  );
});

describe("the fingerprint", () => {
  const shape = fc.record({
    method: fc.constantFrom("POST", "PATCH"),
    path: fc.string(),
    query: fc.string(),
    principal: fc.string(),
    contentType: fc.string(),
    body: fc.uint8Array({ maxLength: 20 }),
  });

  test("is the same for the same request", () => {
    fc.assert(fc.property(shape, (request) => Bun.deepEquals(fingerprint(request), fingerprint({ ...request }))));
  });

  test("differs between requests that differ in any part, also when text moves from one part to the next", () => {
    fc.assert(
      fc.property(shape, shape, (a, b) => Bun.deepEquals(a, b) === Bun.deepEquals(fingerprint(a), fingerprint(b))),
    );
    const base: RequestShape = {
      method: "POST",
      path: "/ab",
      query: "",
      principal: "p",
      contentType: "",
      body: new Uint8Array(),
    };
    expect(fingerprint(base)).not.toEqual(fingerprint({ ...base, path: "/a", query: "b" }));
  });
});
