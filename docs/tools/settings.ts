import { describeConfig } from "../../src/config.ts";

/** Every environment variable as a Markdown table, in the order of the schema. */
export function settingsTable(): string {
  const rows = describeConfig().map(({ name, fallback, description }) => {
    const shown = fallback === "unset" ? "–" : `\`${fallback}\``;
    return `| \`${name}\` | ${shown} | ${cell(description)} |`;
  });
  return ["| variable | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Text that a table's cell may hold. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");
}
