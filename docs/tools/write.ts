import { join } from "node:path";
import { type Block, ROOT, renewBlock } from "./blocks.ts";
import { drawing, listImports, partsOf } from "./imports.ts";
import { settingsTable } from "./settings.ts";

/** Every part of the documentation that is made of the code; test/docs/blocks.test.ts fails when one is stale. */
export const BLOCKS: readonly Block[] = [
  { page: "docs/operations.md", name: "variables", text: settingsTable },
  { page: "docs/architecture.md", name: "imports", text: async () => drawing(partsOf(await listImports())) },
];

if (import.meta.main) {
  for (const block of BLOCKS) {
    const { was, is } = await renewBlock(block);
    if (was !== is) await Bun.write(join(ROOT, block.page), is);
    process.stdout.write(`${block.page}: ${block.name} ${was === is ? "is current" : "written"}\n`);
  }
}
