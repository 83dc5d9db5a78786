/** A block of code of a page, and what the page says comes of it. */
export interface Example {
  readonly language: string;
  readonly code: string;
  /** The block that follows: an answer as `curl -i` shows it (`http`), or some of a program's output (`text`). */
  readonly expected: { readonly kind: "http" | "text"; readonly text: string } | undefined;
}

/** All blocks of code of a page, in order. */
export function examplesOf(page: string): Example[] {
  const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)\n```$/gm)].map(([, language = "", text = ""]) => ({
    language,
    text,
  }));
  return blocks.flatMap(({ language, text }, i) => {
    if (isExpected(language)) return [];
    const next = blocks[i + 1];
    const expected =
      next !== undefined && isExpected(next.language) ? { kind: next.language, text: next.text } : undefined;
    return [{ language, code: text, expected }];
  });
}

function isExpected(language: string): language is "http" | "text" {
  return language === "http" || language === "text";
}

/** A text in which `…` stands for anything, as a pattern; behind a quotation mark it goes no further than the next one. */
function pattern(text: string): string {
  const escaped = text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return escaped.replaceAll('"…', '"[^"]*').replaceAll("…", ".*?");
}

/** Whether a text is, from its first character to its last, what is expected. */
function fits(text: string, expected: string): boolean {
  return new RegExp(`^${pattern(expected)}$`, "su").test(text);
}

/**
 * Why an answer, as `curl -i` shows it, is not the expected one: the status line has to be the same, each expected header
 * has to be there, and the body has to fit from beginning to end. JSON is compared without the spaces between its tokens.
 */
export function answerFault(output: string, expected: string): string | undefined {
  const [gotHead = "", gotBody = ""] = halves(output.replaceAll("\r\n", "\n"));
  const [head = "", body = ""] = halves(expected);
  const [status, ...headers] = head.split("\n");
  const [gotStatus, ...gotHeaders] = gotHead.split("\n");
  if (gotStatus !== status) return `the status is ${gotStatus}, not ${status}; ${gotBody}`;
  const missing = headers.find((header) => !gotHeaders.some((got) => fits(got, header)));
  if (missing !== undefined) return `there is no header ${missing} among\n${gotHead}`;
  const wanted = body.replaceAll(/\n */g, "");
  return fits(compact(gotBody), wanted) ? undefined : `the body is\n${gotBody}\nand not\n${wanted}`;
}

/** JSON without spaces; other text as it is. */
function compact(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body.trim();
  }
}

/** Head and body. */
function halves(text: string): [string, string] {
  const at = text.indexOf("\n\n");
  return at < 0 ? [text.trim(), ""] : [text.slice(0, at), text.slice(at + 2)];
}

/** Why a program's output does not have the expected lines in their order; others may stand between them. */
export function outputFault(output: string, expected: string): string | undefined {
  const lines = output.split("\n");
  for (const wanted of expected.split("\n")) {
    const at = lines.findIndex((line) => fits(line, wanted));
    if (at < 0) return `there is no line ${wanted} in\n${output}`;
    lines.splice(0, at + 1);
  }
  return undefined;
}
