import { type Fault, KEYS, type PlacedTerm, type Query, readKey, type Term } from "./terms.ts";

/** Terms that are looked at; each is tried on every event. */
export const MAX_TERMS = 50;

/**
 * Reads a filter: terms parted by blanks, all of which must hold, except that of several values for one key one is enough.
 *
 *     type:Job* tenant:1234… status:Open "leaking roof" -test -status:Done data.priority:high
 *
 * `*` stands for any text, `"…"` for just the text in it (`\"` and `\\` stand for themselves), `-` before any term turns it
 * around. Never throws: what cannot be read is told by its place and left out.
 */
export function parse(source: string): Query {
  return new Reader(source).read();
}

class Reader {
  readonly #terms: PlacedTerm[] = [];
  readonly #faults: Fault[] = [];
  #at = 0;

  constructor(private readonly source: string) {}

  read(): Query {
    this.#skipBlanks();
    while (this.#at < this.source.length) {
      this.#term();
      this.#skipBlanks();
    }
    return { source: this.source, terms: this.#terms, faults: this.#faults };
  }

  #skipBlanks(): void {
    while (isBlank(this.source[this.#at])) this.#at += 1;
  }

  #term(): void {
    const from = this.#at;
    const read = this.#read();
    const span = { from, to: this.#at };
    if (typeof read === "string") this.#faults.push({ ...span, message: read });
    else if (this.#terms.length === MAX_TERMS) this.#faults.push({ ...span, message: `more than ${MAX_TERMS} terms` });
    else this.#terms.push({ ...span, ...read });
  }

  /** One term, or what is wrong with it. */
  #read(): Term | string {
    const from = this.#at;
    const negated = this.source[from] === "-";
    if (negated) this.#at += 1;
    const name = this.#name();
    const begins = this.#at;
    const pieces = this.#value();
    if (pieces === undefined) return 'a quotation mark is not closed: "';
    const key = name === undefined ? undefined : readKey(name);
    if (name !== undefined && key === undefined) return unknownKey(name, this.source.slice(from, this.#at));
    if (this.#at === begins) return name === undefined ? "what not?" : `${name}: what?`;
    if (key !== undefined) return { negated, key, pieces };
    const isEmpty = pieces.length === 1 && pieces[0] === "";
    return isEmpty ? "no text between the quotation marks" : { negated, key: undefined, pieces };
  }

  /** The word before a colon; with something behind the colon or not. */
  #name(): string | undefined {
    const pattern = /([a-z][\w.-]*):/iy;
    pattern.lastIndex = this.#at;
    const [all = "", name] = pattern.exec(this.source) ?? [];
    this.#at += all.length;
    return name;
  }

  /** Text up to the next blank, quoted in parts or as a whole; undefined when a quotation does not end. */
  #value(): string[] | undefined {
    const pieces = [""];
    const add = (text: string) => {
      pieces.push((pieces.pop() ?? "") + text);
    };
    for (let c = this.source[this.#at]; c !== undefined && !isBlank(c); c = this.source[this.#at]) {
      if (c === '"') {
        const text = this.#quoted();
        if (text === undefined) return undefined;
        add(text);
        continue;
      }
      this.#at += 1;
      if (c === "*") pieces.push("");
      else add(c);
    }
    return pieces;
  }

  #quoted(): string | undefined {
    let text = "";
    for (this.#at += 1; this.#at < this.source.length; this.#at += 1) {
      const c = this.source[this.#at];
      if (c === '"') {
        this.#at += 1;
        return text;
      }
      if (c === "\\") this.#at += 1;
      text += this.source[this.#at] ?? "";
    }
    this.#at = this.source.length;
    return undefined;
  }
}

function isBlank(c: string | undefined): boolean {
  return c !== undefined && /\s/.test(c);
}

function unknownKey(name: string, term: string): string {
  const near = Object.keys(KEYS).find(
    (key) => key.startsWith(name.toLowerCase()) || distance(key, name.toLowerCase()) <= 2,
  );
  const instead =
    near === undefined
      ? `known are ${[...Object.keys(KEYS), "data.…", "header.…"].join(", ")}`
      : `did you mean ${near}:`;
  return `${name}: is no key; ${instead}. For the text itself write "${term.replace(/^-/, "").replace(/"/g, "")}"`;
}

/** Letters to change, add or leave out: Levenshtein, with one row kept. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
