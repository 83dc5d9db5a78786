import { fields } from "./frame.ts";

/** What went wrong with a request, in words: of the problem that it was answered with (RFC 9457), else of its status. */
export async function problemOf(response: Response): Promise<string> {
  const problem = fields(await response.json().catch(() => undefined));
  const faults = Array.isArray(problem.errors) ? problem.errors.map(faultWords).filter(Boolean) : [];
  const words = typeof problem.detail === "string" ? problem.detail : `The server answered ${response.status}`;
  return [words, ...faults].join(". ");
}

function faultWords(fault: unknown): string {
  const { pointer, header, parameter, detail } = fields(fault);
  return [pointer ?? header ?? parameter, detail].filter((word) => typeof word === "string").join(" ");
}
