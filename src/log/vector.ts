/** Next offset to read of each partition; a partition that is missing is at its beginning. */
export type OffsetVector = ReadonlyMap<number, number>;

const ENTRY = /^(\d{1,9}):(\d{1,16})$/;

/** `0:118,1:97,2:204`, partitions in order: the id of an SSE frame. */
export function formatVector(vector: OffsetVector): string {
  return [...vector]
    .sort(([a], [b]) => a - b)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join(",");
}

/** Reads what `formatVector` wrote; undefined for anything else, a repeated partition included. */
export function parseVector(text: string): OffsetVector | undefined {
  const vector = new Map<number, number>();
  for (const entry of text.split(",")) {
    const [, partition, offset] = ENTRY.exec(entry) ?? [];
    if (partition === undefined || offset === undefined || vector.has(Number(partition))) return undefined;
    if (!Number.isSafeInteger(Number(offset))) return undefined;
    vector.set(Number(partition), Number(offset));
  }
  return vector;
}

/** True when `vector` stands at or behind `other` in no partition: nothing of `other` is still to come for it. */
export function covers(vector: OffsetVector, other: OffsetVector): boolean {
  for (const [partition, offset] of other) if ((vector.get(partition) ?? 0) < offset) return false;
  return true;
}

/** The later of two vectors in each partition. */
export function latest(a: OffsetVector, b: OffsetVector): Map<number, number> {
  const result = new Map(a);
  for (const [partition, offset] of b) result.set(partition, Math.max(offset, result.get(partition) ?? 0));
  return result;
}
