import type { Fault } from "../errors.ts";
import { pointer } from "./pointer.ts";

/** Levels of objects and arrays in each other, at most. */
export const MAX_DEPTH = 32;
/** Faults that are told at most: an answer must not grow with what was wrong. */
const MAX_FAULTS = 100;

/** What JSON.parse would pass over in silence. */
export interface JsonFindings {
  /** The text says one thing twice, or is nested too deep: it is not looked at any further. */
  readonly malformed: Fault[];
  /** A value that could not be kept as it was sent. */
  readonly unkept: Fault[];
}

/** An object or array that is open at a place of the text. */
interface Frame {
  /** Keys so far; undefined for an array. */
  readonly keys: Set<string> | undefined;
  /** Key or index at hand. */
  step: string | number;
  isKeyNext: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Looks through JSON text for what a parser does not tell: a key twice in one object, nesting without end, numbers that a
 * double cannot hold, text that PostgreSQL cannot, and the key `__proto__`. Text that is no JSON is left to the parser.
 */
export function inspectJson(text: string): JsonFindings {
  const found: JsonFindings = { malformed: [], unkept: [] };
  const open: Frame[] = [];
  const place = () => pointer(open.map((frame) => frame.step));
  const add = (kind: keyof JsonFindings, detail: string) => {
    if (found[kind].length < MAX_FAULTS) found[kind].push({ pointer: place(), detail });
  };
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    const frame = open.at(-1);
    if (code === QUOTE) {
      const token = stringAt(text, at);
      if (token === undefined) return found;
      at += token.length;
      if (frame?.keys !== undefined && frame.isKeyNext) inspectKey(token, frame, add);
      else if (!isStorable(token)) add("unkept", "must not contain NUL or half of a surrogate pair");
      continue;
    }
    if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      NUMBER.lastIndex = at;
      const token = NUMBER.exec(text)?.[0];
      if (token === undefined) return found;
      at += token.length;
      if (!isExact(token)) add("unkept", "is a number that would lose digits: send it as text");
      continue;
    }
    at++;
    if (code === 0x7b || code === 0x5b) {
      if (open.length === MAX_DEPTH) {
        add("malformed", `is nested deeper than ${MAX_DEPTH} levels`);
        return found;
      }
      const isObject = code === 0x7b;
      open.push({ keys: isObject ? new Set() : undefined, step: isObject ? "" : 0, isKeyNext: isObject });
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
    } else if (code === 0x2c && frame !== undefined) {
      if (typeof frame.step === "number") frame.step++;
      frame.isKeyNext = frame.keys !== undefined;
    }
  }
  return found;
}

function inspectKey(token: string, frame: Frame, add: (kind: keyof JsonFindings, detail: string) => void): void {
  const key = unquote(token);
  if (key === undefined) return;
  frame.step = key;
  frame.isKeyNext = false;
  if (frame.keys?.has(key)) add("malformed", "is there twice");
  frame.keys?.add(key);
  // Such a field would be passed over here and be something else entirely in other programs.
  if (key === "__proto__") add("unkept", "is not allowed as a name");
  else if (!isStorable(token)) add("unkept", "must not have NUL or half of a surrogate pair in its name");
}

/** The string that begins here, with its quotes; undefined when it has no end. By hand: a pattern took 160 ms for 1 MiB of escapes. */
function stringAt(text: string, begin: number): string | undefined {
  for (let at = begin + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return text.slice(begin, at + 1);
    if (code === BACKSLASH) at++;
  }
  return undefined;
}

/** The text of a JSON string; undefined when it is none, which the parser will say. */
function unquote(token: string): string | undefined {
  if (!token.includes("\\")) return token.slice(1, -1);
  try {
    const text: unknown = JSON.parse(token);
    return typeof text === "string" ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes were UTF-8, so only an escape can bring in what cannot be stored. */
function isStorable(token: string): boolean {
  if (!token.includes("\\u")) return true;
  const text = unquote(token);
  return text === undefined || (text.isWellFormed() && !text.includes("\0"));
}

/** Whether a double keeps a number with all its digits: what is read is then what is shown. */
function isExact(token: string): boolean {
  // Up to 15 digits always survive: https://en.cppreference.com/w/cpp/types/numeric_limits/digits10
  if (token.length <= 15 && !/[eE]/.test(token)) return true;
  const number = Number(token);
  return Number.isFinite(number) && normal(token) === normal(String(number));
}

/** Digits without zeros at either end, and the exponent of their last one. */
function normal(decimal: string): string {
  const [mantissa = "", exponent = "0"] = decimal.replace(/^-/, "").toLowerCase().split("e", 2);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = (whole + fraction).replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? "0" : `${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
