/** What may stand where a metric's name does and is none. */
const WORDS = new Set("and or unless by without on ignoring group_left group_right bool offset inf nan".split(" "));

/**
 * The names of the series that an expression reads. Not a parser: texts, label matchers, ranges, lists of labels and comments
 * are taken out, and of what is left the words that are neither called nor of the language.
 */
export function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/#.*$/gm, " ")
    .replace(/"(?:[^"\\]|\\.)*"/g, " ")
    .replace(/\{[^}]*\}/g, " ")
    .replace(/\[[^\]]*\]/g, " ")
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");
  const names = [...bare.matchAll(/(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)].map(([name]) => name);
  return [...new Set(names.filter((name) => !WORDS.has(name.toLowerCase())))].toSorted();
}

/** The metric that a series belongs to: that of a histogram without what its parts are called by. */
export function family(name: string, known: ReadonlySet<string>): string {
  const base = name.replace(/_(?:bucket|count|sum)$/, "");
  return known.has(name) || !known.has(base) ? name : base;
}
