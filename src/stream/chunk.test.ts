import { expect, test } from "bun:test";
import { createGunzip } from "node:zlib";
import fc from "fast-check";
import { Chunk, GzipEnvelope } from "./chunk.ts";

test("clients with different pasts are handed the same compressed bytes, and each reads its own whole stream", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.boolean())), (parts) => {
      const chunks = parts.map(([text, isForBoth]) => ({ chunk: new Chunk(Buffer.from(text)), isForBoth }));
      for (const seen of [chunks, chunks.filter(({ isForBoth }) => isForBoth)]) {
        const gzip = new GzipEnvelope();
        const bytes: Uint8Array[] = [GzipEnvelope.head];
        for (const { chunk } of seen) {
          gzip.add(chunk);
          bytes.push(chunk.deflated);
        }
        bytes.push(gzip.tail());
        const text = Buffer.from(Bun.gunzipSync(new Uint8Array(Buffer.concat(bytes)))).toString();
        expect(text).toBe(seen.map(({ chunk }) => Buffer.from(chunk.plain).toString()).join(""));
      }
    }),
  );
});

test("a chunk can be read before anything follows it", async () => {
  const gunzip = createGunzip();
  gunzip.write(GzipEnvelope.head);
  for (const text of ["id: 0:1\ndata: 1\n\n", `data: ${"x".repeat(100_000)}\n\n`]) {
    gunzip.write(new Chunk(Buffer.from(text)).deflated);
    let read = "";
    while (read.length < text.length) {
      read += gunzip.read() ?? "";
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(read).toBe(text);
  }
  gunzip.destroy();
});
