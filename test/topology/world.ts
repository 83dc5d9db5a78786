import { chmod, cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import { EmbeddedPostgres } from "../../src/db/embedded/index.ts";
import { type ComposeProject, type ComposeService, composeProject } from "../support/compose.ts";
import { freePort, makeBelow, makeFolder, removeFolder } from "../support/folder.ts";
import { Broker } from "../support/kafka.ts";
import { Nginx, nginxPath } from "../support/nginx.ts";
import { ROOT, RunningServer } from "../support/server.ts";
import { Places } from "./places.ts";
import { Program } from "./program.ts";

/** From where ports are looked for. */
const PORTS = 23_811;
/** The user of prom/prometheus and prom/alertmanager. */
const NOBODY = 65_534;
/** nginx from this version on takes `resolve` behind an address. */
const KNOWS_RESOLVE = [1, 27, 3];

/**
 * compose.yaml without containers: each service as a program of this machine, with the environment, the command, the files and
 * the order that the file gives it; only addresses and folders are replaced. Grafana alone has no program here.
 */
export class Topology {
  readonly #project: ComposeProject;
  readonly #folder: string;
  readonly #places = new Places();
  readonly #started = new Map<string, Promise<unknown>>();
  readonly #stops: (() => Promise<void> | void)[] = [];
  readonly #port = freePort(PORTS);
  /** The servers by their service's name. */
  readonly servers = new Map<string, RunningServer>();
  readonly proxy = new Nginx();
  broker: Broker | undefined;
  prometheus: Program | undefined;
  alertmanager: Program | undefined;
  /** What psql is told in place of `docker exec postgres-crm`. */
  psql: Readonly<Record<string, string>> = {};

  private constructor(project: ComposeProject, folder: string) {
    this.#project = project;
    this.#folder = folder;
  }

  /** Starts every service as soon as those that it depends on are healthy. */
  static async up(): Promise<Topology> {
    const topology = new Topology(await composeProject(), await makeFolder());
    try {
      const names = Object.keys(topology.#project.services).filter((name) => name !== "grafana");
      await Promise.all(names.map((name) => topology.#start(name)));
      return topology;
    } catch (error) {
      await topology.down();
      throw error;
    }
  }

  async down(): Promise<void> {
    await Promise.allSettled(this.#started.values());
    for (const stop of this.#stops.toReversed()) await stop();
    removeFolder(this.#folder);
  }

  #service(name: string): ComposeService {
    const found = this.#project.services[name];
    if (found === undefined) throw new Error(`there is no service ${name}`);
    return found;
  }

  #start(name: string): Promise<unknown> {
    const known = this.#started.get(name);
    if (known !== undefined) return known;
    const service = this.#service(name);
    // Set before anything is waited for, so that each is started once.
    const started = Promise.all(Object.keys(service.depends_on).map((other) => this.#start(other))).then(() =>
      this.#run(name, service),
    );
    this.#started.set(name, started);
    return started;
  }

  async #run(name: string, service: ComposeService): Promise<void> {
    if (name === "postgres") await this.#runPostgres(service);
    else if (name === "kafka") await this.#runKafka();
    else if (name.startsWith("server-")) await this.#runServer(name, service);
    else if (name === "proxy") await this.#runProxy(service);
    else if (name === "prometheus") await this.#runPrometheus(service);
    else if (name === "alertmanager") await this.#runAlertmanager(service);
    else throw new Error(`nothing here stands for ${name}`);
  }

  /** As the image does: by our script the secrets, then the user and the database of the environment. */
  async #runPostgres({ environment, command }: ComposeService): Promise<void> {
    const secrets = await makeBelow(this.#folder, "secrets");
    const script = Bun.spawnSync(["sh", join(ROOT, "deploy", "secrets.sh"), "true"], {
      env: { ...process.env, SECRETS_DIR: secrets },
    });
    if (!script.success) throw new Error(`${script.stderr}`);
    this.#places.set("/secrets/", `${secrets}/`);
    const settings = Object.fromEntries(
      (command ?? []).flatMap((word) => (word.includes("=") ? [word.split("=")] : [])),
    );
    const server = new EmbeddedPostgres({
      dataDir: await makeBelow(this.#folder, "postgres"),
      log: { info() {}, warn() {} },
      settings,
    });
    this.#stops.push(() => server.stop());
    const { url } = await server.start();
    const { POSTGRES_USER: user = "", POSTGRES_DB: database = "", POSTGRES_PASSWORD_FILE: file = "" } = environment;
    const password = await readFile(this.#places.in(file), "utf8");
    const admin = postgres(url, { max: 1, onnotice: () => {} });
    await admin.unsafe(`create role ${user} superuser login password '${password}'`);
    await admin.unsafe(`create database ${database} owner ${user}`);
    await admin.end();
    const { hostname, port } = new URL(url);
    this.#places.set("postgres:5432", `${hostname}:${port}`);
    this.psql = { PGHOST: hostname, PGPORT: port, PGPASSWORD: password };
    // The file with the URL has an address in it too.
    const where = join(secrets, "database-url");
    const text = this.#places.in(await readFile(where, "utf8"));
    await chmod(where, 0o600);
    await writeFile(where, text);
  }

  /** Apache Kafka stands for Redpanda: the servers use its protocol alone. Nobody makes the topic beforehand. */
  async #runKafka(): Promise<void> {
    const broker = await Broker.start(this.#folder);
    this.#stops.push(() => broker.stop());
    this.broker = broker;
    this.#places.set("kafka:9092", broker.address);
  }

  async #runServer(name: string, service: ComposeService): Promise<void> {
    const port = this.#port + Number(name.slice("server-".length)) * 2;
    const environment = this.#places.environmentOf(service);
    const { HOST, PORT, ...rest } = environment;
    if (HOST !== "0.0.0.0" || PORT !== "9010") throw new Error(`a server that listens on ${HOST}:${PORT}`);
    // Its folder has nothing in it, as the image's has not.
    const cwd = await makeBelow(this.#folder, name);
    const command = [process.execPath, join(ROOT, "src", "main.ts"), "serve"];
    const env = { ...rest, HOST: "127.0.0.1", PORT: String(port) };
    const server = new RunningServer({ command, cwd, env });
    this.#stops.push(async () => void (await server.stop()));
    this.servers.set(name, server);
    this.#places.set(`${name}:9010`, `127.0.0.1:${port}`);
    await server.ready();
  }

  /** The template as the image fills it in: names of its environment alone, all other dollar signs are nginx's. */
  async #runProxy(service: ComposeService): Promise<void> {
    const [mount] = service.volumes;
    const template = await readFile(mount?.source ?? "", "utf8");
    const port = this.#port + 8;
    const variables: Record<string, string> = {
      ...this.#places.environmentOf(service),
      NGINX_LOCAL_RESOLVERS: await localResolver(),
    };
    const filled = template.replaceAll(/\$\{([A-Z_0-9]+)\}/g, (whole, name: string) => variables[name] ?? whole);
    const listening = filled.replace("listen 8080;", `listen 127.0.0.1:${port};`);
    this.#stops.push(() => this.proxy.stop());
    await this.proxy.serve(port, knowsResolve() ? listening : listening.replaceAll(" resolve ", " "));
  }

  async #runPrometheus(service: ComposeService): Promise<void> {
    const port = this.#port + 10;
    this.#places.set("127.0.0.1:9090", `127.0.0.1:${port}`);
    // It names the others before they are there, and finds them when they are.
    this.#places.set("alertmanager:9093", `127.0.0.1:${this.#port + 12}`);
    this.#places.set("server-2:9010", `127.0.0.1:${this.#port + 4}`);
    const args = await this.#monitorArguments("prometheus", service, "/etc/prometheus", "/prometheus");
    const command = ["prometheus", ...args, `--web.listen-address=127.0.0.1:${port}`];
    this.prometheus = await Program.start(this.#folder, command, port, "/-/ready", NOBODY);
    this.#stops.push(() => this.prometheus?.stop());
  }

  async #runAlertmanager(service: ComposeService): Promise<void> {
    const port = this.#port + 12;
    this.#places.set("server-2:9010", `127.0.0.1:${this.#port + 4}`);
    const args = await this.#monitorArguments("alertmanager", service, "/etc/alertmanager", "/alertmanager");
    const command = ["prometheus-alertmanager", ...args, `--web.listen-address=127.0.0.1:${port}`];
    this.alertmanager = await Program.start(this.#folder, command, port, "/-/ready", NOBODY);
    this.#stops.push(() => this.alertmanager?.stop());
  }

  /** The mounted files as they are, addresses apart, and the command with our folders in place of the container's. */
  async #monitorArguments(name: string, service: ComposeService, settings: string, data: string): Promise<string[]> {
    const mount = service.volumes.find(({ target }) => target === settings);
    const copy = await makeBelow(this.#folder, `${name}-settings`);
    await cp(mount?.source ?? "", copy, { recursive: true });
    for (const entry of await readdir(copy, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) await writeFile(path, this.#places.in(await readFile(path, "utf8")));
    }
    const store = await makeBelow(this.#folder, `${name}-data`);
    await chmod(store, 0o777);
    return (service.command ?? []).map((word) =>
      word.replace(`=${settings}/`, `=${copy}/`).replace(new RegExp(`=${data}$`), `=${store}`),
    );
  }
}

/** As the image's own script finds it. */
async function localResolver(): Promise<string> {
  const text = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  const [, address = "127.0.0.1"] = /^nameserver\s+(\S+)/m.exec(text) ?? [];
  return address.includes(":") ? `[${address}]` : address;
}

function knowsResolve(): boolean {
  const said = Bun.spawnSync([nginxPath() ?? "nginx", "-v"]).stderr.toString();
  const version = (/nginx\/([\d.]+)/.exec(said)?.[1] ?? "0").split(".").map(Number);
  const differs = KNOWS_RESOLVE.findIndex((part, i) => version[i] !== part);
  return differs < 0 || (version[differs] ?? 0) > (KNOWS_RESOLVE[differs] ?? 0);
}
