/** Whatever the pages point at is there: files, headings, and the paths that stand between backticks. */
import { beforeAll, describe, expect, test } from "bun:test";
import { basename, dirname, join, normalize } from "node:path";
import { Glob } from "bun";
import { ROOT } from "../../docs/tools/blocks.ts";

/** Folders of the checkout whose files pages may name. */
const NAMED = /^(?:src|test|docs|bench|sql|public|grafana|deploy|\.ci)\//;
/** What only exists once it was made, or is somebody else's. */
const MADE = /^(?:dist|\.data|node_modules)\//;

let files: ReadonlySet<string>;
let pages: Map<string, string>;
beforeAll(async () => {
  const all = [...new Glob("**/*").scanSync({ cwd: ROOT, dot: true })];
  files = new Set(all.filter((file) => !/(?:^|\/)(?:node_modules|\.git|\.data|dist|\.cache)\//.test(file)));
  const named = [...files].filter((file) => file.endsWith(".md")).toSorted();
  pages = new Map(
    await Promise.all(named.map(async (file) => [file, await Bun.file(join(ROOT, file)).text()] as const)),
  );
});

/** A page without its blocks of code, where brackets are no links. */
const prose = (page: string) => page.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/^ {4,}.*$/gm, "");

/** Names that GitHub gives to the headings of a page. */
function anchors(page: string): Set<string> {
  const given = new Set<string>();
  for (const [, heading = ""] of prose(page).matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const name = plain.replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
    let unused = name;
    for (let n = 1; given.has(unused); n++) unused = `${name}-${n}`;
    given.add(unused);
  }
  return given;
}

const isFolder = (path: string) => [...files].some((file) => file.startsWith(`${path.replace(/\/$/, "")}/`));

/** Why a relative link of a page leads nowhere. */
function fault(page: string, link: string): string | undefined {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path));
  if (!files.has(target) && !isFolder(target)) return `${target} is not there`;
  const text = pages.get(target);
  if (anchor === undefined || text === undefined || anchors(text).has(anchor)) return undefined;
  return `${target} has no heading #${anchor}`;
}

/** Paths of the checkout that stand between backticks. */
const named = (page: string) =>
  [...prose(page).matchAll(/`([^`\n]+)`/g)]
    .map(([, text = ""]) => text.replace(/:\d+(?:-\d+)?$/, ""))
    .filter((text) => /^[\w.*{},@/-]+$/.test(text) && !MADE.test(text))
    .filter((text) => NAMED.test(text) || /^[\w.@-]+\.(?:ts|md|sql|sh|json|toml|yaml|yml|template)$/.test(text));

/** Whether a path, a pattern or the bare name of a file is one of the checkout, seen from a page. */
function exists(page: string, path: string): boolean {
  if (files.has(path) || isFolder(path) || files.has(normalize(join(dirname(page), path)))) return true;
  if (/[*{]/.test(path)) return [...files].some((file) => new Glob(path).match(file));
  return !path.includes("/") && [...files].some((file) => basename(file) === path);
}

test("there are pages, and the README is one", () => {
  expect(pages.size).toBeGreaterThan(20);
  expect([...pages.keys()]).toContain("README.md");
});

test("every relative link of every page leads to a file, and to a heading where it names one", () => {
  const faults = [...pages].flatMap(([page, text]) =>
    [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => [page, link, fault(page, link)])
      .filter(([, , why]) => why !== undefined),
  );
  expect(faults).toEqual([]);
});

test("every path between backticks is there", () => {
  const missing = [...pages].flatMap(([page, text]) =>
    named(text)
      .filter((path) => !exists(page, path))
      .map((path) => [page, path]),
  );
  expect(missing).toEqual([]);
});

test("every page of docs/ can be reached from the README by links", () => {
  const reached = new Set<string>();
  const open = ["README.md"];
  for (let page = open.pop(); page !== undefined; page = open.pop()) {
    if (reached.has(page)) continue;
    reached.add(page);
    for (const [, link = ""] of prose(pages.get(page) ?? "").matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
      const target = normalize(join(dirname(page), link));
      if (pages.has(target)) open.push(target);
    }
  }
  const docs = [...pages.keys()].filter((page) => page.startsWith("docs/") || page === "CHANGELOG.md");
  expect(docs.filter((page) => !reached.has(page))).toEqual([]);
});

test("every page of docs/decisions is in their table, with a sentence", () => {
  const table = pages.get("docs/decisions/README.md") ?? "";
  for (const page of pages.keys()) {
    const [, name = ""] = /^docs\/decisions\/([\w-]+)\.md$/.exec(page) ?? [];
    if (name !== "" && name !== "README")
      expect(table).toMatch(new RegExp(`^\\| \\[${name}\\]\\(${name}\\.md\\) +\\| \\S`, "m"));
  }
});

describe("the check itself", () => {
  test("names headings as GitHub does", () => {
    const page = "# One & two\n## `code` here\n## Same\n## Same\n```sh\n# no heading\n```\n";
    expect([...anchors(page)]).toEqual(["one--two", "code-here", "same", "same-1"]);
  });

  test("sees what is not there", () => {
    expect(fault("README.md", "docs/nope.md")).toBe("docs/nope.md is not there");
    expect(fault("README.md", "docs/operations.md#nope")).toBe("docs/operations.md has no heading #nope");
    expect(fault("docs/api.md", "decisions/README.md")).toBeUndefined();
    expect(named("`src/nope.ts`, `nope.ts` and `GET /jobs`")).toEqual(["src/nope.ts", "nope.ts"]);
    expect(exists("README.md", "src/nope.ts") || exists("README.md", "nope.ts")).toBe(false);
  });
});
