import { fold, type Key, type Query, type Term } from "./terms.ts";

/** Nodes of one event's JSON that are looked at; a foreign value may be a megabyte of brackets. */
const MAX_NODES = 10_000;

/** True when a frame is wanted. A frame is the JSON of a `data:` line of the stream, whatever its producer wrote. */
export type Matches = (frame: unknown) => boolean;

/**
 * What a filter lets through. `type`, `tenant`, `event` and `aggregate` look where the server's own filter does, at the
 * record's headers and key, so that both agree about whatever a foreign producer wrote.
 */
export function compile({ terms }: Pick<Query, "terms">): Matches {
  const conditions: Matches[] = [];
  const wanted = new Map<Key, Test[]>();
  for (const term of terms) {
    const { key, negated } = term;
    if (key === undefined) {
      const isIn = toPart(term.pieces);
      conditions.push((frame) => leaves(member(frame, "value")).some(isIn) !== negated);
      continue;
    }
    const is = toWhole(term.pieces);
    if (negated) conditions.push((frame) => !valuesOf(frame, key).some(is));
    else wanted.set(key, [...(wanted.get(key) ?? []), is]);
  }
  for (const [key, tests] of wanted) {
    conditions.push((frame) => {
      const values = valuesOf(frame, key);
      return values.some((value) => tests.some((is) => is(value)));
    });
  }
  return (frame) => conditions.every((holds) => holds(frame));
}

/** The texts that a key finds in a frame: none when the frame has no such field, several when it is a list. */
export function valuesOf(frame: unknown, key: Key): readonly string[] {
  const [head = "", ...names] = key.split(".");
  if (head === "header") return texts(member(member(frame, "headers"), names.join(".")));
  if (head === "data") return deep(member(member(frame, "value"), "data"), names);
  switch (key) {
    case "type":
      return texts(member(member(frame, "headers"), "ce_type"));
    case "tenant":
      return texts(member(member(frame, "headers"), "ce_tenantid"));
    case "event":
      return texts(member(member(frame, "headers"), "ce_id"));
    case "aggregate":
      return texts(member(frame, "key"));
    case "entity":
      return texts(member(member(frame, "value"), "aggregateType"));
    case "status":
      return texts(member(member(member(frame, "value"), "data"), "status"));
    default:
      return texts(member(frame, key));
  }
}

type Test = (text: string) => boolean;

/** The whole of a text, by its parts between the stars, each looked for once: forty stars in a regular expression take for ever. */
function toWhole(pieces: Term["pieces"]): Test {
  const [first = "", ...rest] = pieces.map(fold);
  const last = rest.pop();
  if (last === undefined) return (text) => fold(text) === first;
  return (text) => {
    const whole = fold(text);
    const at = whole.startsWith(first) ? indexBehind(whole, rest, first.length) : -1;
    return at >= 0 && whole.length - last.length >= at && whole.endsWith(last);
  };
}

/** A part of a text. */
function toPart(pieces: Term["pieces"]): Test {
  const parts = pieces.map(fold);
  return (text) => indexBehind(fold(text), parts, 0) >= 0;
}

/** Index behind all the parts, found one behind the other; -1 when one is not there. */
function indexBehind(text: string, parts: readonly string[], from: number): number {
  let at = from;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return -1;
    at = found + part.length;
  }
  return at;
}

/** Texts of all values in a JSON value, names of fields left out. */
function leaves(value: unknown): readonly string[] {
  const found: string[] = [];
  const open = [value];
  for (let n = 0; n < MAX_NODES && open.length > 0; n++) {
    const node = open.pop();
    if (typeof node === "object" && node !== null) open.push(...Object.values(node).slice(0, MAX_NODES));
    else found.push(...texts(node));
  }
  return found;
}

function deep(value: unknown, names: readonly string[]): readonly string[] {
  let nodes = [value];
  for (const name of names)
    nodes = nodes.flatMap((node) => (Array.isArray(node) ? node : [node])).map((node) => member(node, name));
  return nodes.flatMap((node) => (Array.isArray(node) ? node.flatMap(texts) : texts(node)));
}

function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  // A number too large for one would be found under a name that nobody wrote.
  return Number.isFinite(value) || typeof value === "boolean" || value === null ? [String(value)] : [];
}

function member(of: unknown, name: string): unknown {
  if (typeof of !== "object" || of === null || !Object.hasOwn(of, name)) return undefined;
  return Reflect.get(of, name);
}
