import { join } from "node:path";

/** Root of the checkout. */
export const ROOT = join(import.meta.dir, "..", "..");

/** A part of a page that is made of the code: between two comments, which Markdown does not show. */
export interface Block {
  /** Path of the page in the checkout. */
  readonly page: string;
  /** Name that its opening comment has. */
  readonly name: string;
  /** Markdown, without a line end at its end. */
  text(): string | Promise<string>;
}

const begin = (name: string) => `<!-- ${name}: written by bun run docs -->`;
const end = (name: string) => `<!-- end of ${name} -->`;

/**
 * Puts a text between the two comments of a block.
 * @throws {Error} when the page does not have both comments, in this order
 */
export function replaceBlock(page: string, name: string, text: string): string {
  const from = page.indexOf(begin(name));
  const to = page.indexOf(end(name));
  if (from < 0 || to < from) throw new Error(`the page has no block between ${begin(name)} and ${end(name)}`);
  return `${page.slice(0, from + begin(name).length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** The page as it is and as it should be. */
export async function renewBlock(block: Block, root = ROOT): Promise<{ was: string; is: string }> {
  const was = await Bun.file(join(root, block.page)).text();
  return { was, is: replaceBlock(was, block.name, await block.text()) };
}
