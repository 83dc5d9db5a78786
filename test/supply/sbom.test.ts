/** The bill of materials is one by CycloneDX's own schema, and lists what there is. */
import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { type Lock, readLock } from "../../docs/tools/packages.ts";
import { makeSbom, type Sbom } from "../../docs/tools/sbom.ts";
import manifest from "../../package.json";
import { ROOT } from "../support/server.ts";

const STAMP = { now: new Date("2026-11-26T00:00:00.000Z"), id: "00000000-0000-4000-8000-000000000001" };

let lock: Lock;
let sbom: Sbom;
let faults: (document: unknown) => unknown;
beforeAll(async () => {
  lock = await readLock();
  sbom = makeSbom(lock, STAMP);
  const folder = join(ROOT, "node_modules/@cyclonedx/cyclonedx-library/res/schema");
  const schema = (name: string) => Bun.file(join(folder, `${name}.SNAPSHOT.schema.json`)).json();
  const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
  // Not among ajv-formats: internationalised forms of what it knows.
  ajv.addFormat("iri-reference", (text: string) => URL.canParse(text, "http://x"));
  ajv.addFormat("idn-email", /^[^@\s]+@[^@\s]+$/);
  for (const name of ["spdx", "jsf-0.82"])
    ajv.addSchema(await schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  const check = ajv.compile(await schema("bom-1.6"));
  faults = (document) => (check(document) ? [] : check.errors);
});

test("is a document by the schema of CycloneDX 1.6, with licences that SPDX knows", () => {
  expect(faults(JSON.parse(JSON.stringify(sbom)))).toEqual([]);
});

test("the schema would refuse a document that is not one", () => {
  const [first] = sbom.components;
  expect(faults({ ...sbom, bomFormat: "other" })).not.toEqual([]);
  expect(faults({ ...sbom, components: [{ ...first, licenses: [{ license: { id: "MTI" } }] }] })).not.toEqual([]);
  expect(faults({ ...sbom, components: [{ ...first, hashes: [{ alg: "SHA-512", content: "no" }] }] })).not.toEqual([]);
});

test("lists every locked package, librdkafka, PostgreSQL and Bun, each once, and all that is referred to is there", () => {
  const refs = sbom.components.map((component) => component["bom-ref"]);
  expect(new Set(refs).size).toBe(refs.length);
  for (const { name } of lock.packages.values()) {
    expect(
      sbom.components.some((component) => [component.group, component.name].filter(Boolean).join("/") === name),
    ).toBe(true);
  }
  for (const name of ["librdkafka", "postgresql", "bun"]) {
    expect(sbom.components).toContainEqual(expect.objectContaining({ name, version: expect.stringMatching(/^\d/) }));
  }
  const known = new Set([...refs, sbom.metadata.component["bom-ref"]]);
  for (const { ref, dependsOn } of sbom.dependencies) {
    expect(known.has(ref)).toBe(true);
    expect(dependsOn.filter((target) => !known.has(target))).toEqual([]);
  }
});

test("tells what is shipped from what only development uses, and whose it is", () => {
  const scope = (name: string) => sbom.components.find((component) => component.name === name)?.scope;
  expect([scope("hono"), scope("librdkafka"), scope("typescript")]).toEqual(["required", "required", "excluded"]);
  expect(sbom.metadata.component).toMatchObject({ name: "aetherlink", version: manifest.version });
  const hono = sbom.components.find(({ name }) => name === "hono");
  expect(hono?.purl).toBe(`pkg:npm/hono@${manifest.dependencies.hono}`);
  expect(sbom.components.find(({ group, name }) => group === "@hono" && name === "zod-validator")?.purl).toStartWith(
    "pkg:npm/%40hono/zod-validator@",
  );
});

test("two documents of one checkout differ in their stamp alone", () => {
  const other = makeSbom(lock, { ...STAMP, id: "00000000-0000-4000-8000-000000000002" });
  expect({ ...other, serialNumber: sbom.serialNumber }).toEqual(sbom);
});
