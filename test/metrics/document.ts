import { join } from "node:path";
import { ROOT } from "../support/server.ts";

/** A row of the table of docs/metrics.md. */
export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: string[];
  readonly help: string;
}

export const DOCUMENT = join(ROOT, "docs", "metrics.md");

/** The rows of the table, as they stand. */
export async function documented(): Promise<DocumentedMetric[]> {
  const lines = (await Bun.file(DOCUMENT).text()).split("\n").filter((line) => line.startsWith("| `"));
  return lines.map((line) => {
    const [, name = "", type = "", labels = "", help = ""] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return {
      name: name.replaceAll("`", ""),
      type,
      labels: labels === "" ? [] : labels.split(", ").map((label) => label.replaceAll("`", "")),
      help: help.replaceAll("\\|", "|"),
    };
  });
}

/** A row as it should stand. */
export function rowOf({ name, type, labels, help }: DocumentedMetric): string {
  const cells = [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), help.replaceAll("|", "\\|")];
  return `| ${cells.join(" | ")} |`;
}
