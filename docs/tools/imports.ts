import { dirname, join, normalize } from "node:path";
import { Glob } from "bun";
import { ROOT } from "./blocks.ts";

/** Which part imports which: `import type` counts, tests and their fixtures do not. */
export type Imports = ReadonlyMap<string, ReadonlySet<string>>;

/** Files directly in src/ that any part may use; they import nothing but packages. */
export const COMMON = [
  "ambient.ts",
  "config.identity.ts",
  "config.ts",
  "config.values.ts",
  "config.tracing.ts",
  "deadline.ts",
  "errors.ts",
  "packed.ts",
  "uuid.ts",
] as const;

const common: ReadonlySet<string> = new Set(COMMON);

/** The part that a file belongs to: a folder of src/, a file directly in it, `public` or `sql`. */
function partOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "src" ? second : top;
}

/** One import of one file. */
export interface Import {
  readonly file: string;
  /** Path that it names, from the root of the checkout; a package's name otherwise. */
  readonly target: string;
}

/** The program's own files with their texts: no tests, nothing that only tests use. */
export async function listSources(root = ROOT): Promise<{ file: string; text: string }[]> {
  const files = [...new Glob("{src,public}/**/*.{ts,tsx}").scanSync(root)].toSorted();
  const own = files.filter((file) => !/\.(test|fixture)\.tsx?$|\.d\.ts$/.test(file));
  return await Promise.all(own.map(async (file) => ({ file, text: await Bun.file(join(root, file)).text() })));
}

/** Every import, export from and import() of the program's own files. */
export async function listImports(root = ROOT): Promise<Import[]> {
  const found: Import[] = [];
  for (const { file, text } of await listSources(root)) {
    for (const [, from, bare, dynamic] of text.matchAll(
      /^(?:import|export)\s[^;"]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gms,
    )) {
      const named = from ?? bare ?? dynamic ?? "";
      found.push({ file, target: named.startsWith(".") ? normalize(join(dirname(file), named)) : named });
    }
  }
  return found;
}

/** Imports between parts; what is common to all is left out. */
export function partsOf(imports: readonly Import[]): Imports {
  const parts = new Map<string, Set<string>>();
  for (const { file, target } of imports) {
    const from = partOf(file);
    if (common.has(from)) continue;
    const targets = parts.get(from) ?? new Set();
    parts.set(from, targets);
    if (!/^(src|public|sql)\//.test(target)) continue;
    const to = partOf(target);
    if (to === from || common.has(to)) continue;
    targets.add(to);
    if (!parts.has(to)) parts.set(to, new Set());
  }
  return parts;
}

/** Everything that a part reaches by one import or several. */
export function reach(imports: Imports, from: string): Set<string> {
  const reached = new Set<string>();
  const open = [...(imports.get(from) ?? [])];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    if (reached.has(part)) continue;
    reached.add(part);
    open.push(...(imports.get(part) ?? []));
  }
  return reached;
}

/** Parts that reach themselves. */
export function circles(imports: Imports): string[] {
  return [...imports.keys()].filter((part) => reach(imports, part).has(part)).toSorted();
}

/**
 * The imports that no longer way replaces: the transitive reduction, which a graph without circles has exactly one of
 * (https://doi.org/10.1137/0201008). From it everything that a part may reach can be read, with the fewest arrows.
 */
export function reduce(imports: Imports): [from: string, to: string][] {
  return [...imports.keys()].toSorted().flatMap((from) => {
    const direct = [...(imports.get(from) ?? [])].toSorted();
    const longer = new Set(direct.flatMap((to) => [...reach(imports, to)]));
    return direct.filter((to) => !longer.has(to)).map((to): [string, string] => [from, to]);
  });
}

/** The drawing: a Mermaid graph from whoever starts the program down to what knows nobody. */
export function drawing(imports: Imports): string {
  const arrows = reduce(imports);
  const joined = new Set(arrows.flat());
  const alone = [...imports.keys()].filter((part) => !joined.has(part)).toSorted();
  const lines = [...arrows.map(([from, to]) => `${node(from)} --> ${node(to)}`), ...alone.map(node)];
  return ["```mermaid", "graph TD", ...lines.map((line) => `    ${line}`), "```"].join("\n");
}

/** Mermaid takes a file's name for a box only in quotes. */
function node(part: string): string {
  const id = part.replaceAll(/\W/g, "_");
  return id === part ? part : `${id}["${part}"]`;
}
