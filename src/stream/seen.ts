/**
 * Events that were seen, by id, so that one which the relay had to send twice is shown once. It remembers the newest
 * 50,000: a repeat stands at most two batches (5,000 each) of the old leader and one of the new behind the first, unless a
 * broker held back what the old one had sent for so long that 50,000 others went before it.
 */
export class SeenEvents {
  /** Two halves: when the newer is full it becomes the older, which is forgotten as a whole. */
  #newer = new Set<string>();
  #older = new Set<string>();

  /** @param capacity ids remembered at least */
  constructor(readonly capacity = SEEN_EVENTS) {}

  /** Notes an event; true when it was seen before. An event without an id was never seen. */
  repeats(eventId: string | undefined): boolean {
    if (eventId === undefined) return false;
    if (this.#newer.has(eventId)) return true;
    const isRepeat = this.#older.has(eventId);
    this.#newer.add(eventId);
    if (this.#newer.size >= this.capacity) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    return isRepeat;
  }
}

/** Ids remembered by default: 10 MB at most. */
const SEEN_EVENTS = 50_000;

/**
 * Records of a partition that are read before those which are wanted, to know the events in them: the marks that a crash of
 * PostgreSQL may undo (UNDURABLE_EVENTS of the outbox), and two batches of the relay at their largest, for one is published
 * while the mark of the one before is under way. Else a reader that begins between an event and its repeat would show the repeat.
 */
export const LOOK_BACK = 15_000;
