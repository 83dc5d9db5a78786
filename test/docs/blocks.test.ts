import { describe, expect, test } from "bun:test";
import { renewBlock, replaceBlock } from "../../docs/tools/blocks.ts";
import { BLOCKS } from "../../docs/tools/write.ts";

test.each(BLOCKS.map((block) => [block.page, block.name, block] as const))(
  "%s has the %s of the code as it is: else run bun run docs",
  async (_page, _name, block) => {
    const { was, is } = await renewBlock(block);
    expect(was).toBe(is);
  },
);

describe("a block", () => {
  const page = "before\n<!-- x: written by bun run docs -->\nold\n<!-- end of x -->\nafter\n";

  test("is replaced between its comments, and the second time nothing changes", () => {
    const once = replaceBlock(page, "x", "new");
    expect(once).toBe("before\n<!-- x: written by bun run docs -->\n\nnew\n\n<!-- end of x -->\nafter\n");
    expect(replaceBlock(once, "x", "new")).toBe(once);
  });

  test("that is not there, or has no end, is an error", () => {
    expect(() => replaceBlock(page, "y", "new")).toThrow("no block");
    expect(() => replaceBlock(page.replace("<!-- end of x -->", ""), "x", "new")).toThrow("no block");
  });
});
