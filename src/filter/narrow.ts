import type { FixedKey, Query, Term } from "./terms.ts";

/** Values of one parameter that the server takes, and characters of a text. */
const MAX_VALUES = 50;
const MAX_TEXT = 200;
/** Characters of all values of one parameter, written as in a URL: an address may have 8,192 in all. */
const MAX_CHARACTERS = 1_500;
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** A query of the stream by one of its parameters. */
export type StreamParameter = readonly [name: "type" | "tenant" | "aggregate" | "q", value: string];

/**
 * The part of a filter that the server can be asked for, as parameters of `GET /crm-events`. It lets through whatever the
 * filter does, and more: what comes has still to be matched.
 */
export function narrow({ terms }: Pick<Query, "terms">): readonly StreamParameter[] {
  const wanted = terms.filter(({ negated }) => !negated);
  const parameters = [
    ...values(
      wanted,
      "type",
      (pieces) => (pieces.every((piece) => !piece.includes("*")) ? pieces.join("*") : ""),
      /^[\w.*-]{1,100}$/,
    ),
    ...values(wanted, "tenant", only, UUID),
    ...values(wanted, "aggregate", only, /^[ -~]{1,200}$/),
  ];
  const runs = wanted.filter(({ key }) => key === undefined).flatMap(({ pieces }) => pieces.flatMap(safeRuns));
  const texts = [...new Set(runs)];
  while (!fits(texts)) texts.pop();
  return [...parameters, ...texts.map((run) => ["q", run] as const)];
}

/** All values of a key, of which one is enough: so either all of them can be asked for, or none. */
function values(
  terms: readonly Term[],
  name: FixedKey & StreamParameter[0],
  print: (pieces: Term["pieces"]) => string,
  isTaken: RegExp,
): StreamParameter[] {
  const found = terms.filter(({ key }) => key === name).map(({ pieces }) => print(pieces));
  return found.every((value) => isTaken.test(value)) && fits(found) ? found.map((value) => [name, value]) : [];
}

function only(pieces: Term["pieces"]): string {
  return pieces.length === 1 ? (pieces[0] ?? "") : "";
}

/**
 * The server looks at the event's JSON as it was written, and there are several ways to write a text there: PHP writes `\/`,
 * Python `\u00e9`, Go `\u0026`. Only what every producer writes as it is is asked for, and nothing that may be a number.
 */
function safeRuns(text: string): string[] {
  const runs = text.match(/[\w .,:;@#()=-]+/g) ?? [];
  return runs.filter((run) => /[a-df-z]/i.test(run)).map((run) => run.slice(0, MAX_TEXT));
}

/** All of them are ASCII: of half a surrogate pair there is no address. */
function fits(values: readonly string[]): boolean {
  return values.length <= MAX_VALUES && encodeURIComponent(values.join("")).length <= MAX_CHARACTERS;
}
