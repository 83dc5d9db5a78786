import type { OffsetVector } from "../log/vector.ts";
import type { Frame } from "./frame.ts";

/** The newest events of the log, in the order in which this process shows them. */
export class Ring {
  /** Oldest first. Grows to twice the capacity before its older half is cut off: moving it for each event would cost its length. */
  #frames: Frame[] = [];
  /** Next offsets before the oldest frame, and behind the newest. */
  readonly #base: Map<number, number>;
  readonly #head: Map<number, number>;

  /**
   * @param capacity frames kept at least
   * @param start offset of each partition at which the ring begins
   */
  constructor(
    readonly capacity: number,
    start: OffsetVector,
  ) {
    this.#base = new Map(start);
    this.#head = new Map(start);
  }

  /** Next offset of each partition: where the ring stands in the log. */
  get head(): OffsetVector {
    return this.#head;
  }

  /** Moves on past a record. */
  advance(partition: number, offset: number): void {
    this.#head.set(partition, offset + 1);
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
    if (this.#frames.length >= 2 * this.capacity) this.#evict(this.#frames.length - this.capacity);
  }

  /** True when every event behind `position` is in the ring. */
  holds(position: OffsetVector): boolean {
    for (const [partition, offset] of this.#base) if ((position.get(partition) ?? 0) < offset) return false;
    return true;
  }

  /** The first `limit` frames that a reader at `position` has not seen, oldest first. */
  after(position: OffsetVector, limit: number): Frame[] {
    const unseen: Frame[] = [];
    for (const frame of this.#frames) {
      if (frame.offset < (position.get(frame.partition) ?? 0)) continue;
      if (unseen.push(frame) === limit) break;
    }
    return unseen;
  }

  /** The newest `count` frames that are wanted, oldest first. */
  newest(count: number, wanted: (frame: Frame) => boolean): Frame[] {
    const found: Frame[] = [];
    for (let at = this.#frames.length - 1; at >= 0 && found.length < count; at -= 1) {
      const frame = this.#frames[at];
      if (frame !== undefined && wanted(frame)) found.push(frame);
    }
    return found.reverse();
  }

  /** Where a reader must stand to be sent the newest `count` frames that are wanted. */
  before(count: number, wanted: (frame: Frame) => boolean): OffsetVector {
    const [first] = this.newest(count, wanted);
    if (first === undefined) return new Map(this.#head);
    const position = new Map(this.#base);
    for (const frame of this.#frames) {
      if (frame === first) break;
      position.set(frame.partition, frame.offset + 1);
    }
    return position;
  }

  #evict(count: number): void {
    for (const frame of this.#frames.splice(0, count)) {
      this.#base.set(frame.partition, frame.offset + 1);
    }
  }
}
