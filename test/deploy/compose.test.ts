/** compose.yaml against compose itself and against the code: names, variables, ports, paths, limits, secrets. */
import { beforeAll, describe, expect, test } from "bun:test";
import { describeConfig, readConfig } from "../../src/config.ts";
import { type ComposeProject, type ComposeService, composeCommand, composeProject } from "../support/compose.ts";
import { ROOT } from "../support/server.ts";

const PRODUCTION = ["alertmanager", "grafana", "kafka", "postgres", "prometheus", "proxy", "server-1", "server-2"];
/** What stands for the secrets' files here, where there is no container. */
const SECRETS: Record<string, string> = {
  "/secrets/database-url": "postgres://crm:x@postgres:5432/crm",
  "/secrets/autoheal-token": "0123456789abcdef",
};

/** Variables that the server knows: those of the configuration, and files with its secrets. */
const KNOWN = new Set(describeConfig().flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])));

/** The environment with its secrets in place, as the container's server reads it. */
function resolved(environment: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => {
      if (!name.endsWith("_FILE")) return [name, value];
      const secret = SECRETS[value];
      if (secret === undefined) throw new Error(`${name} names ${value}, which nothing makes`);
      return [name.slice(0, -"_FILE".length), secret];
    }),
  );
}

describe.skipIf(composeCommand() === undefined)("compose.yaml", () => {
  let project: ComposeProject;
  let services: [string, ComposeService][];
  const service = (name: string): ComposeService => {
    const found = project.services[name];
    if (found === undefined) throw new Error(`there is no service ${name}`);
    return found;
  };
  beforeAll(async () => {
    project = await composeProject();
    services = Object.entries(project.services);
  });

  test("`docker compose up` starts the production shape, `--profile dev` PostgreSQL and the broker alone", async () => {
    expect(Object.keys(project.services).toSorted()).toEqual(PRODUCTION);
    const dev = await composeProject("--profile", "dev");
    expect(Object.keys(dev.services).toSorted()).toEqual(["kafka", "postgres"]);
  });

  test("containers, user, database and topic have the names that runbooks use", () => {
    expect(service("postgres").container_name).toBe("postgres-crm");
    expect(service("postgres").environment).toMatchObject({ POSTGRES_USER: "crm", POSTGRES_DB: "crm" });
    expect(service("kafka").container_name).toBe("kafka");
    expect(service("kafka").image).toStartWith("redpandadata/redpanda:");
    for (const name of ["server-1", "server-2"]) {
      expect(readConfig(resolved(service(name).environment)).KAFKA_TOPIC).toBe("aetherlink.events");
    }
    expect(service("grafana").ports).toEqual([{ host_ip: "127.0.0.1", published: "3000", target: 3000 }]);
  });

  test("the server starts with the values that it is given", () => {
    for (const name of ["server-1", "server-2"]) {
      const { environment } = service(name);
      const config = readConfig(resolved(environment));
      expect(config.KAFKA_BROKERS).toBe("kafka:9092");
      expect(config.AUTH).toBe("none");
    }
  });

  test("aetherlink.env.example has known variables alone, and with its gaps filled in the server would start", async () => {
    const text = await Bun.file(`${ROOT}/deploy/aetherlink.env.example`).text();
    const given = Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
    expect(Object.keys(given).filter((name) => !KNOWN.has(name))).toEqual([]);
    const filled = { ...given, SESSION_SECRET: "s".repeat(48) };
    const config = readConfig({ ...resolved(service("server-1").environment), ...filled });
    expect(config.OIDC_ISSUER).toBe(given.OIDC_ISSUER);
  });

  test("the servers are given longer to stop than they take at most", () => {
    const { environment, stop_grace_period } = service("server-1");
    const grace = Number(/^(\d+)s$/.exec(stop_grace_period ?? "")?.[1]) * 1_000;
    expect(grace).toBeGreaterThan(readConfig(resolved(environment)).SHUTDOWN_TIMEOUT_MS + 1_000);
  });

  test("every image has an exact version, and ours that of package.json", async () => {
    const { version } = await Bun.file(`${ROOT}/package.json`).json();
    for (const [name, { image }] of services) {
      expect(image, name).toMatch(/^[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
      if (name.startsWith("server-")) expect(image).toBe(`aetherlink:${version}`);
    }
  });

  test("every service has limits of memory and processors, comes back by itself and keeps its logs bounded", () => {
    for (const [name, { deploy, restart, logging }] of services) {
      expect(deploy?.resources.limits, name).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) });
      expect(restart, name).toBe("unless-stopped");
      expect(logging?.options, name).toHaveProperty("max-size");
    }
  });

  test("every service says when it is healthy, the servers by their image, and whoever needs it waits for that", async () => {
    const dockerfile = await Bun.file(`${ROOT}/deploy/Dockerfile`).text();
    for (const [name, { healthcheck, build, depends_on }] of services) {
      if (build === undefined) expect(healthcheck?.test.length, name).toBeGreaterThan(1);
      else expect(dockerfile).toContain("HEALTHCHECK");
      for (const { condition } of Object.values(depends_on)) expect(condition, name).toBe("service_healthy");
    }
    expect(Object.keys(service("server-1").depends_on).toSorted()).toEqual(["kafka", "postgres"]);
    expect(Object.keys(service("proxy").depends_on).toSorted()).toEqual(["server-1", "server-2"]);
  });

  test("ports are published on the loopback address alone, none of them twice", () => {
    const ports = services.flatMap(([, each]) => each.ports);
    for (const port of ports) expect(port.host_ip).toBe("127.0.0.1");
    expect(new Set(ports.map(({ published }) => published)).size).toBe(ports.length);
    expect(service("proxy").ports[0]?.published).toBe(String(readConfig({}).PORT));
  });

  test("no secret stands in the file: variables with one name a file of the volume that only secrets.sh fills", async () => {
    const script = await Bun.file(`${ROOT}/deploy/secrets.sh`).text();
    const made = [...script.matchAll(/keep ([a-z-]+) \d+/g)].map(([, name]) => `/secrets/${name}`);
    for (const [name, { environment }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|TOKEN|DATABASE_URL/.test(variable)) expect(made, `${name} ${variable}`).toContain(value);
      }
    }
    const writers = services.filter(([, each]) => each.volumes.some((v) => v.source === "secrets" && !v.read_only));
    expect(writers.map(([name]) => name)).toEqual(["postgres"]);
  });

  test("the secret that Alertmanager reads is the one that is made for its user", async () => {
    const settings = await Bun.file(`${ROOT}/grafana/alertmanager/alertmanager.yml`).text();
    const named = [...settings.matchAll(/_file: \/secrets\/(\S+)/g)].map(([, name]) => name);
    const script = await Bun.file(`${ROOT}/deploy/secrets.sh`).text();
    // prom/alertmanager runs as nobody.
    const readable = [...script.matchAll(/keep (\S+) 65534/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(readable).toContain(name);
  });

  test("what need not be written is read-only, without capabilities and without new privileges", () => {
    for (const [name, each] of services) {
      expect(each.security_opt, name).toContain("no-new-privileges:true");
      // The images of PostgreSQL and Redpanda write beside their volumes, the first one changes its user as well.
      if (["postgres", "kafka"].includes(name)) continue;
      expect({ name, readOnly: each.read_only, dropped: each.cap_drop }).toEqual({
        name,
        readOnly: true,
        dropped: ["ALL"],
      });
    }
  });

  test("what is kept is in a volume with a name", () => {
    const mounts = services.flatMap(([, { volumes }]) => volumes);
    const named = new Set(mounts.filter(({ type }) => type === "volume").map(({ source }) => source));
    expect([...named].toSorted()).toEqual(Object.keys(project.volumes).toSorted());
  });
});
