import { join } from "node:path";
import { type Block, ROOT, renewBlock } from "./blocks.ts";
import { drawing, listImports, partsOf } from "./imports.ts";
import { bundledTable, developmentTable, shippedTable } from "./licences.ts";
import { settingsTable } from "./settings.ts";

/** Every part of the documentation that is made of the code; test/docs/blocks.test.ts fails when one is stale. */
export const BLOCKS: readonly Block[] = [
  { page: "docs/operations.md", name: "variables", text: settingsTable },
  { page: "docs/architecture.md", name: "imports", text: async () => drawing(partsOf(await listImports())) },
  { page: "docs/licences.md", name: "bundled", text: bundledTable },
  { page: "docs/licences.md", name: "shipped", text: shippedTable },
  { page: "docs/licences.md", name: "development", text: developmentTable },
];

/** `--check` writes nothing and ends with 1 when a part is stale, so that `bun run lint` sees it. */
if (import.meta.main) {
  const isCheck = Bun.argv.includes("--check");
  const stale: string[] = [];
  for (const block of BLOCKS) {
    const { was, is } = await renewBlock(block);
    if (was === is) continue;
    stale.push(`${block.page} (${block.name})`);
    if (!isCheck) await Bun.write(join(ROOT, block.page), is);
  }
  const what = stale.length === 0 ? "the documentation is current" : stale.join(", ");
  process.stdout.write(isCheck && stale.length > 0 ? `stale, run bun run docs: ${what}\n` : `${what}\n`);
  if (isCheck && stale.length > 0) process.exit(1);
}
