/** Time and ids, which come in from outside so that a test can hold them still. */
export interface Ambient {
  /** Now, by the wall clock. */
  now(): Date;
  /** A new UUID, version 7: sorts by the time it was made. */
  newId(): string;
}

/** The real clock and real ids. */
export const realAmbient: Ambient = {
  now: () => new Date(),
  newId: () => Bun.randomUUIDv7(),
};
