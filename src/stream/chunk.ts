import { constants, crc32, deflateRawSync } from "node:zlib";

/**
 * Bytes on their way to clients, compressed once for all who asked for that. Each chunk is deflated by itself, without
 * reference to what went before: so clients with different pasts can be handed the same bytes, none of them has a
 * compressor of its own (256 KB), and a chunk can be read as soon as it is there.
 */
export class Chunk {
  #deflated: Uint8Array | undefined;

  constructor(readonly plain: Uint8Array) {}

  /** Deflate blocks (RFC 1951) that end on a byte and are not the last. */
  get deflated(): Uint8Array {
    this.#deflated ??= deflateRawSync(this.plain, { finishFlush: constants.Z_FULL_FLUSH });
    return this.#deflated;
  }
}

/** Wraps one client's deflated chunks into one gzip file (RFC 1952). */
export class GzipEnvelope {
  /** To be sent before everything else. */
  static readonly head = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  #crc = 0;
  #size = 0;

  /** Notes what was sent. */
  add({ plain }: Chunk): void {
    this.#crc = crc32(plain, this.#crc);
    this.#size += plain.byteLength;
  }

  /** What ends the file: an empty last block, the checksum and the size. */
  tail(): Uint8Array {
    const tail = new DataView(new ArrayBuffer(10));
    tail.setUint16(0, 0x0300);
    tail.setUint32(2, this.#crc, true);
    tail.setUint32(6, this.#size % 2 ** 32, true);
    return new Uint8Array(tail.buffer);
  }
}
