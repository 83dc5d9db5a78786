import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, describeConfig, readConfig } from "./config.ts";

const linesOf = (env: Record<string, string>): string[] => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
};

describe("configuration", () => {
  test("an empty environment gives working defaults", () => {
    const config = readConfig({});
    expect(config.PORT).toBe(9010);
    expect(config.HOST).toBe("127.0.0.1");
    expect(config.DATABASE_URL).toBeUndefined();
    expect(config.KAFKA_TOPIC).toBe("aetherlink.events");
  });

  test("an empty value counts as unset", () => {
    expect(readConfig({ PORT: "", DATABASE_URL: "" }).PORT).toBe(9010);
  });

  test("every malformed variable gets one line that names it, its value and what is allowed", () => {
    expect(linesOf({ PORT: "abc", LOG_LEVEL: "loud", OUTBOX_BATCH: "0" })).toEqual([
      'PORT: must be a whole number from 0 to 65535 (it is "abc")',
      'OUTBOX_BATCH: must be a whole number from 1 to 5000 (it is "0")',
      'LOG_LEVEL: must be one of trace, debug, info, warn, error, fatal, silent (it is "loud")',
    ]);
  });

  test.each(["-1", "65536", "1e3", "0x10", " 80", "80 ", "99999999999999999999"])("PORT=%p is refused", (port) => {
    expect(linesOf({ PORT: port })).toHaveLength(1);
  });

  test("a malformed DATABASE_URL is refused without printing its password", () => {
    const lines = linesOf({ DATABASE_URL: "mysql://crm:s3cret@db/crm" });
    expect(lines).toEqual(["DATABASE_URL: must be a URL like postgres://user:password@host:5432/database"]);
  });

  // %ff alone is no UTF-8: the driver's decodeURIComponent threw a URIError where nobody expected one.
  test.each(["%ff", "%C3%28", "%zz", "100%"])("a password with %s is refused without printing it", (end) => {
    for (const name of ["DATABASE_URL", "DATABASE_SESSION_URL"]) {
      const [line = "", ...others] = linesOf({ [name]: `postgres://crm:s3cret${end}@db/crm` });
      expect(others).toEqual([]);
      expect(line).toStartWith(`${name}: must have every % followed by two hex digits`);
      expect(line).not.toContain("s3cret");
    }
    expect(linesOf({ DATABASE_URL: "postgres://crm:s%C3%BCcret%25@db/crm" })).toEqual([]);
  });

  test.each([
    ["AETHERLINK_URL", "ftp://me:s3cret@host"],
    ["AETHERLINK_URL", "http//me:s3@cret@host:9010"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "me:s3cret@collector"],
  ])("%s=%s is refused with what it is, but for what stands before an @", (name, value) => {
    const [line = "", ...others] = linesOf({ [name]: value });
    expect(others).toEqual([]);
    expect(line).toContain(`(it is "…@${value.slice(value.lastIndexOf("@") + 1)}")`);
    expect(line).not.toContain("cret");
  });

  test("a secret may stand in a file, whose last line end is no part of it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "aetherlink-config-"));
    const file = join(folder, "database-url");
    try {
      await Bun.write(file, "postgres://crm:s3cret@db/crm\n");
      expect(readConfig({ DATABASE_URL_FILE: file }).DATABASE_URL).toBe("postgres://crm:s3cret@db/crm");
      expect(linesOf({ DATABASE_URL_FILE: file, DATABASE_URL: "postgres://db/crm", PORT: "x" })).toEqual([
        `DATABASE_URL_FILE: is set, and DATABASE_URL too: unset one of them (it is ${JSON.stringify(file)})`,
        'PORT: must be a whole number from 0 to 65535 (it is "x")',
      ]);
      await Bun.write(file, "\n");
      expect(linesOf({ DATABASE_URL_FILE: file })[0]).toContain("names an empty file");
      expect(linesOf({ DATABASE_URL_FILE: folder })[0]).toContain("cannot be read (EISDIR)");
      expect(linesOf({ DATABASE_URL_FILE: join(folder, "none") })[0]).toContain("cannot be read (ENOENT)");
      await Bun.write(file, "mysql://crm:s3cret@db/crm");
      expect(linesOf({ DATABASE_URL_FILE: file }).join()).not.toContain("s3cret");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("only what is secret is looked for in a file", () => {
    expect(readConfig({ PORT_FILE: "/nowhere" }).PORT).toBe(9010);
  });

  test("an address that others can reach is refused unless AUTH=none says so", () => {
    expect(linesOf({ HOST: "0.0.0.0" })[0]).toContain("AUTH=none");
    expect(readConfig({ HOST: "0.0.0.0", AUTH: "none" }).HOST).toBe("0.0.0.0");
  });

  test("CORS_ORIGINS takes origins, and refuses what is none: a path, a missing scheme, a wildcard", () => {
    const { CORS_ORIGINS } = readConfig({ CORS_ORIGINS: "https://app.example.com, http://localhost:5173" });
    expect(CORS_ORIGINS).toEqual(["https://app.example.com", "http://localhost:5173"]);
    for (const text of [
      "*",
      "app.example.com",
      "https://app.example.com/",
      "https://a.example,",
      "file:///x",
      "null",
    ]) {
      expect(linesOf({ CORS_ORIGINS: text })).toHaveLength(1);
    }
  });

  describe("of the identity", () => {
    const oidc = { OIDC_ISSUER: "https://login.example.com/realms/crm", OIDC_AUDIENCE: "crm" };
    const login = { ...oidc, OIDC_CLIENT_ID: "page", SESSION_SECRET: "s".repeat(32) };

    test("an issuer allows any address", () => {
      const config = readConfig({ ...oidc, HOST: "0.0.0.0" });
      expect([config.OIDC_TENANT_CLAIM, config.OIDC_ROLES_CLAIM]).toEqual(["tenants", "roles"]);
    });

    test.each<[string, Record<string, string>]>([
      ["OIDC_AUDIENCE: is needed with OIDC_ISSUER", { OIDC_ISSUER: oidc.OIDC_ISSUER }],
      ["OIDC_ISSUER: is needed with OIDC_AUDIENCE", { OIDC_AUDIENCE: "crm" }],
      ["AUTH: is none, but OIDC_ISSUER is set", { ...oidc, AUTH: "none" }],
      ["SESSION_SECRET: is needed with OIDC_CLIENT_ID", { ...login, SESSION_SECRET: "" }],
      ["PUBLIC_URL: is needed with OIDC_CLIENT_ID", { ...login, HOST: "0.0.0.0" }],
      ["OIDC_SCOPE: must have openid", { ...login, OIDC_SCOPE: "profile" }],
    ])("%s", (line, env) => {
      const lines = linesOf(env);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toStartWith(line);
    });

    test.each(["login.example.com", "http://login.example.com", "https://x/?y", "https://u:p@x/", "ftp://x"])(
      "OIDC_ISSUER=%p is refused",
      (issuer) => {
        expect(linesOf({ ...oidc, OIDC_ISSUER: issuer })[0]).toStartWith("OIDC_ISSUER: must be an https URL");
      },
    );

    test.each(["http://127.0.0.1:4000", "http://localhost:4000/a", "http://[::1]:4000"])(
      "OIDC_ISSUER=%p is taken",
      (issuer) => {
        expect(linesOf({ ...oidc, OIDC_ISSUER: issuer })).toEqual([]);
      },
    );

    test.each(["short", `${"s".repeat(32)},short`])("SESSION_SECRET=%p is refused without printing it", (secret) => {
      const [line = ""] = linesOf({ ...login, SESSION_SECRET: secret });
      expect(line).toStartWith("SESSION_SECRET: must have at least 32 bytes");
      expect(line).not.toContain("short");
    });

    test("several session secrets are a list", () => {
      const secrets = ["a".repeat(32), "b".repeat(40)];
      expect(readConfig({ ...login, SESSION_SECRET: secrets.join(",") }).SESSION_SECRET).toEqual(secrets);
    });

    test.each(["https://crm.example.com/app", "crm.example.com", "https://crm.example.com?x"])(
      "PUBLIC_URL=%p is refused",
      (url) => {
        expect(linesOf({ ...login, PUBLIC_URL: url })[0]).toStartWith("PUBLIC_URL: must be an origin");
      },
    );
  });

  test("KAFKA_OPTIONS takes any property of librdkafka, and anything else is refused without printing it", () => {
    expect(readConfig({ KAFKA_OPTIONS: '{"linger.ms":5,"client.id":"x"}' }).KAFKA_OPTIONS).toEqual({
      "linger.ms": 5,
      "client.id": "x",
    });
    for (const text of ["{", "[]", '"x"', '{"sasl.password":["s3cret"]}']) {
      expect(linesOf({ KAFKA_OPTIONS: text })).toEqual([
        'KAFKA_OPTIONS: must be a JSON object of librdkafka properties, such as {"linger.ms": 5}',
      ]);
    }
  });

  test("a batch that the in-process log could not hold is refused", () => {
    expect(linesOf({ OUTBOX_BATCH: "2000", LOG_RECORDS: "1999" })[0]).toStartWith(
      "OUTBOX_BATCH: must be at most LOG_RECORDS, which is 1999",
    );
    expect(linesOf({ OUTBOX_BATCH: "2000", LOG_RECORDS: "2000" })).toEqual([]);
  });

  test("a login to Kafka without its mechanism is refused", () => {
    expect(linesOf({ KAFKA_SECURITY_PROTOCOL: "sasl_ssl" })[0]).toStartWith("KAFKA_SASL_MECHANISM: is needed");
  });

  test.each(["localhost", "localhost:", ":9092", "a:1,", "a:1 b:2"])("KAFKA_BROKERS=%p is refused", (brokers) => {
    expect(linesOf({ KAFKA_BROKERS: brokers })).toHaveLength(1);
  });

  test("every variable has a description for --help", () => {
    for (const row of describeConfig()) expect(row.description.length).toBeGreaterThan(20);
  });
});
