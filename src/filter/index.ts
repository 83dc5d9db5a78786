/**
 * The filter language of the ops page and of `aetherlink events tail`: `type:Job* tenant:… status:Open "text" -word`.
 * Without dependencies, so that the browser, the server and the command line read it alike.
 */
export { compile, type Matches, valuesOf } from "./match.ts";
export { narrow, type StreamParameter } from "./narrow.ts";
export { MAX_TERMS, parse } from "./parse.ts";
export { print, printTerm, termAt, withoutTerm, withTerm } from "./print.ts";
export { type SeenValues, type Suggestion, type Suggestions, suggest } from "./suggest.ts";
export {
  type Fault,
  type FixedKey,
  isSameValue,
  KEYS,
  type Key,
  type PlacedTerm,
  type Query,
  readKey,
  type Span,
  type Term,
  termOf,
} from "./terms.ts";
