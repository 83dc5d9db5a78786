import { parse } from "./parse.ts";
import { printTerm } from "./print.ts";
import { fold, KEYS, readKey, type Span, termOf } from "./terms.ts";

/** What may be put in place of a stretch of the source. */
export interface Suggestion {
  readonly text: string;
  /** A few words beside it: what a key looks at. */
  readonly hint: string;
}

/** What may be typed at the cursor. */
export interface Suggestions extends Span {
  readonly items: readonly Suggestion[];
}

/** Values of a key that were seen, the most wanted first. */
export type SeenValues = (key: string) => readonly string[];

/** More would not be read. */
const MAX_ITEMS = 8;
/** Keys whose values can be told from their looks, so that a word is completed to one of them without its key. */
const TOLD_BY_LOOKS = ["type", "status"] as const;
/** Letters after which a word is completed to values. */
const MIN_WORD = 2;

/**
 * Suggests keys, and values that were seen, for the term in which the cursor stands.
 * @param cursor characters before it
 */
export function suggest(source: string, cursor: number, seen: SeenValues): Suggestions {
  const { terms, faults } = parse(source);
  const here = [...terms, ...faults].find(({ from, to }) => from < cursor && cursor <= to);
  const { from, to } = here ?? { from: cursor, to: cursor };
  const typed = source.slice(from, cursor);
  const sign = typed.startsWith("-") ? "-" : "";
  const word = typed.slice(sign.length);
  const [, name] = /^([a-z][\w.-]*):/i.exec(word) ?? [];
  const items = name === undefined ? atWord(word, sign, seen) : atValue(name, word.slice(name.length + 1), sign, seen);
  return { from, to, items: items.filter(({ text }) => text.trimEnd() !== source.slice(from, to)).slice(0, MAX_ITEMS) };
}

function atWord(word: string, sign: string, seen: SeenValues): Suggestion[] {
  const keys = Object.entries(KEYS).filter(([key]) => key.startsWith(fold(word)));
  const values =
    word.length < MIN_WORD
      ? []
      : TOLD_BY_LOOKS.flatMap((key) => atValue(key, word, sign, seen).filter(({ text }) => !text.includes("*")));
  return [...keys.map(([key, hint]) => ({ text: `${sign}${key}:`, hint })), ...values];
}

function atValue(name: string, typed: string, sign: string, seen: SeenValues): Suggestion[] {
  const key = readKey(name);
  if (key === undefined) return [];
  const part = fold(typed.replace(/["*]/g, ""));
  const values = seen(key).filter((value) => fold(value).includes(part));
  const items = values.map((value) => ({ text: `${sign}${printTerm(termOf(key, value))} `, hint: "" }));
  if (key !== "type") return items;
  const families = [
    ...new Set(values.map((value) => /^[A-Z][a-z]+(?=[A-Z])/.exec(value)?.[0]).filter((f) => f !== undefined)),
  ];
  return [...items, ...families.map((family) => ({ text: `${sign}type:${family}* `, hint: `every ${family} event` }))];
}
