/** Keys by a fixed name, each with what it looks at, as people are told. `data.…` and `header.…` take any name behind them. */
export const KEYS = {
  type: "event type, as in JobCreated or Job*",
  tenant: "id of the tenant",
  aggregate: "id of the job, account or contact",
  status: "status after the change",
  entity: "Job, Account or Contact",
  event: "id of the event",
  topic: "topic of the log",
  partition: "partition of the topic",
  offset: "offset in the partition",
} as const;

export type FixedKey = keyof typeof KEYS;

/** What a term looks at: a fixed key, or a field of the event's data or a header by its name. */
export type Key = FixedKey | `data.${string}` | `header.${string}`;

/** One condition. Case of letters does not count. */
export interface Term {
  readonly negated: boolean;
  /** Undefined: the text may stand in any value of the event. */
  readonly key: Key | undefined;
  /**
   * The text between the stars, each of which stands for any text: `Job*` is `["Job", ""]`. At least one. With a key they are
   * the whole value, without one a part of it.
   */
  readonly pieces: readonly string[];
}

/** A stretch of the source: characters from `from` up to and without `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A term with its place in the source. */
export interface PlacedTerm extends Term, Span {}

/** What is wrong with a stretch of the source, in words for who typed it. */
export interface Fault extends Span {
  readonly message: string;
}

/** A filter as it was read. What is at fault is left out of the terms. */
export interface Query {
  readonly source: string;
  readonly terms: readonly PlacedTerm[];
  readonly faults: readonly Fault[];
}

/** Name of a key behind `data.` or `header.`. */
const NAME = /^[\w-]+(\.[\w-]+)*$/;

/** The key that a name stands for; undefined when there is none. Case counts only behind the dot. */
export function readKey(name: string): Key | undefined {
  const lower = name.toLowerCase();
  if (isFixed(lower)) return lower;
  const at = name.indexOf(".");
  const rest = name.slice(at + 1);
  if (at < 0 || !NAME.test(rest)) return undefined;
  if (lower.startsWith("data.")) return `data.${rest}`;
  return lower.startsWith("header.") ? `header.${rest.toLowerCase()}` : undefined;
}

/** A term that asks for just this value, however it is spelt. */
export function termOf(key: Key | undefined, value: string, negated = false): Term {
  return { key, pieces: [value], negated };
}

/** True when both ask for the same, their negation aside. */
export function isSameValue(a: Term, b: Term): boolean {
  const [left, right] = [a.pieces, b.pieces];
  return (
    a.key === b.key && left.length === right.length && left.every((piece, n) => fold(piece) === fold(right[n] ?? ""))
  );
}

/** Without case, as the server's own filter compares. */
export function fold(text: string): string {
  return text.toLowerCase();
}

function isFixed(name: string): name is FixedKey {
  return Object.hasOwn(KEYS, name);
}
