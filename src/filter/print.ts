import { parse } from "./parse.ts";
import { isSameValue, readKey, type Term } from "./terms.ts";

/** The text that reads as these terms again. */
export function print(terms: readonly Term[]): string {
  return terms.map(printTerm).join(" ");
}

/** One term, in quotation marks only where it needs them. */
export function printTerm({ negated, key, pieces }: Term): string {
  const [first = "", ...rest] = pieces;
  const isMistaken = key === undefined && LOOKS_OTHER.test(first);
  const value = [isMistaken ? quote(first) : printPiece(first), ...rest.map(printPiece)].join("*");
  return `${negated ? "-" : ""}${key === undefined ? "" : `${key}:`}${value === "" ? '""' : value}`;
}

/**
 * The filter with a term added: as it stands when it asks for that already, without the opposite when that is there.
 * What is at fault in it stays as it was typed.
 */
export function withTerm(source: string, term: Term): string {
  const { terms } = parse(source);
  const same = terms.find((other) => isSameValue(other, term));
  if (same === undefined) return [source.trim(), printTerm(term)].filter(Boolean).join(" ");
  if (same.negated === term.negated) return source;
  return source.slice(0, same.from) + printTerm(term) + source.slice(same.to);
}

/** The filter without a term, negated or not. */
export function withoutTerm(source: string, term: Term): string {
  const found = parse(source).terms.find((other) => isSameValue(other, term) && other.negated === term.negated);
  if (found === undefined) return source;
  return [source.slice(0, found.from).trim(), source.slice(found.to).trim()].filter(Boolean).join(" ");
}

/** A word that would be read as a negation or as a key. */
const LOOKS_OTHER = /^-|^[a-z][\w.-]*:/i;

function printPiece(piece: string): string {
  return /["*\s]/.test(piece) ? quote(piece) : piece;
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** The term for a field of the event by its way in the frame's JSON, such as `["value", "data", "status"]`; undefined when it has no key. */
export function termAt(path: readonly string[], value: string): Term | undefined {
  const [first, second, ...rest] = path;
  const name = path.join(".");
  if (Object.hasOwn(PATHS, name)) return { key: readKey(PATHS[name] ?? ""), pieces: [value], negated: false };
  const names = first === "headers" ? ["header", second, ...rest] : ["data", ...rest];
  if (first !== "headers" && !(first === "value" && second === "data")) return undefined;
  if (names.length < 2) return undefined;
  // A name with a dot in it would be taken for two.
  if (names.some((part) => part === undefined || !/^[\w-]+$/.test(part))) return undefined;
  const key = readKey(names.join("."));
  return key === undefined ? undefined : { key, pieces: [value], negated: false };
}

/** Keys by where their value stands in a frame. */
const PATHS: Readonly<Record<string, string>> = {
  topic: "topic",
  partition: "partition",
  offset: "offset",
  key: "aggregate",
  "headers.ce_id": "event",
  "headers.ce_type": "type",
  "headers.ce_tenantid": "tenant",
  "value.eventId": "event",
  "value.eventType": "type",
  "value.tenantId": "tenant",
  "value.aggregateId": "aggregate",
  "value.aggregateType": "entity",
  "value.data.status": "status",
};
