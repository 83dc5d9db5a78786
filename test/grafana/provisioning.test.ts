/** What Grafana, Prometheus and Alertmanager find when compose.yaml starts them: paths, names and ports on both sides. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import { type ComposeService, composeCommand, composeProject } from "../support/compose.ts";
import { ROOT } from "../support/server.ts";
import { GRAFANA, PROMETHEUS, readYaml } from "./files.ts";

const targets = z.array(z.strictObject({ targets: z.array(z.string()) }));
const prometheusSchema = z.strictObject({
  global: z.strictObject({ scrape_interval: z.string(), scrape_timeout: z.string(), evaluation_interval: z.string() }),
  rule_files: z.array(z.string()),
  alerting: z.strictObject({ alertmanagers: z.array(z.strictObject({ static_configs: targets })) }),
  scrape_configs: z.array(z.strictObject({ job_name: z.string(), static_configs: targets })),
});
const webhook = z.strictObject({
  url: z.url(),
  send_resolved: z.boolean(),
  max_alerts: z.number(),
  http_config: z.strictObject({
    follow_redirects: z.literal(false),
    authorization: z.strictObject({ credentials_file: z.string() }),
  }),
});
const alertmanagerSchema = z.looseObject({
  receivers: z.array(z.strictObject({ name: z.string(), webhook_configs: z.array(webhook) })),
});
const datasourceSchema = z.strictObject({
  apiVersion: z.literal(1),
  prune: z.boolean(),
  datasources: z.tuple([
    z.strictObject({
      name: z.string(),
      uid: z.string(),
      type: z.literal("prometheus"),
      access: z.literal("proxy"),
      url: z.url(),
      isDefault: z.literal(true),
      editable: z.boolean(),
      jsonData: z.strictObject({
        httpMethod: z.enum(["GET", "POST"]),
        prometheusType: z.literal("Prometheus"),
        prometheusVersion: z.string(),
        timeInterval: z.string(),
      }),
    }),
  ]),
});
const providerSchema = z.strictObject({
  apiVersion: z.literal(1),
  providers: z.tuple([
    z.strictObject({
      name: z.string(),
      type: z.literal("file"),
      folder: z.string(),
      disableDeletion: z.boolean(),
      allowUiUpdates: z.boolean(),
      updateIntervalSeconds: z.number(),
      options: z.strictObject({ path: z.string(), foldersFromFilesStructure: z.boolean() }),
    }),
  ]),
});

const readPrometheus = async () => prometheusSchema.parse(await readYaml(join(PROMETHEUS, "prometheus.yml")));
const readAlertmanager = async () =>
  alertmanagerSchema.parse(await readYaml(join(GRAFANA, "alertmanager", "alertmanager.yml")));
const readDatasource = async () =>
  datasourceSchema.parse(await readYaml(join(GRAFANA, "provisioning", "datasources", "prometheus.yml"))).datasources[0];
const readProvider = async () =>
  providerSchema.parse(await readYaml(join(GRAFANA, "provisioning", "dashboards", "aetherlink.yml"))).providers[0];

test("Grafana takes four scrapes for a rate, as long as Prometheus' own interval says", async () => {
  const { global } = await readPrometheus();
  expect((await readDatasource()).jsonData.timeInterval).toBe(global.scrape_interval);
  expect(global.evaluation_interval).toBe(global.scrape_interval);
});

test("the rule files of prometheus.yml are there", async () => {
  const { rule_files } = await readPrometheus();
  const found = rule_files.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: PROMETHEUS })]);
  expect(found.toSorted()).toEqual(["rules/alerts.yml", "rules/slis.yml", "rules/slos.yml"]);
});

describe.skipIf(composeCommand() === undefined)("with compose.yaml", () => {
  let services: Record<string, ComposeService>;
  const service = (name: string): ComposeService => {
    const found = services[name];
    if (found === undefined) throw new Error(`there is no service ${name}`);
    return found;
  };
  /** Where a service sees a folder of the checkout. */
  const seenAt = (name: string, folder: string) =>
    service(name).volumes.find(({ source = "" }) => relative(ROOT, source) === folder)?.target;
  const flag = (name: string, option: string) =>
    service(name)
      .command?.find((word) => word.startsWith(`${option}=`))
      ?.slice(option.length + 1);
  beforeAll(async () => {
    services = (await composeProject()).services;
  });

  test("every replica is scraped by its own name and port, and Prometheus by itself", async () => {
    const { scrape_configs, alerting } = await readPrometheus();
    const of = (job: string) =>
      scrape_configs.find(({ job_name }) => job_name === job)?.static_configs.flatMap(({ targets }) => targets);
    const replicas = Object.keys(services).filter((name) => name.startsWith("server-"));
    expect(of("aetherlink")).toEqual(replicas.map((name) => `${name}:${service(name).environment.PORT}`));
    expect(of("prometheus")).toEqual([`127.0.0.1:${service("prometheus").ports[0]?.target}`]);
    const alertmanager = [`alertmanager:${service("alertmanager").ports[0]?.target}`];
    expect(of("alertmanager")).toEqual(alertmanager);
    expect(alerting.alertmanagers.flatMap(({ static_configs }) => static_configs[0]?.targets)).toEqual(alertmanager);
  });

  test("Prometheus and Alertmanager find their files, and Prometheus keeps what the budgets look back on", () => {
    expect(flag("prometheus", "--config.file")).toBe(`${seenAt("prometheus", "grafana/prometheus")}/prometheus.yml`);
    expect(flag("alertmanager", "--config.file")).toBe(
      `${seenAt("alertmanager", "grafana/alertmanager")}/alertmanager.yml`,
    );
    expect(Number.parseInt(flag("prometheus", "--storage.tsdb.retention.time") ?? "", 10)).toBeGreaterThan(30);
  });

  test("Alertmanager calls every replica with the token that was made for it", async () => {
    const { receivers } = await readAlertmanager();
    const replicas = Object.keys(services).filter((name) => name.startsWith("server-"));
    const calls = receivers.flatMap(({ webhook_configs }) => webhook_configs);
    expect(calls.map(({ url }) => url)).toEqual(
      replicas.map((name) => `http://${name}:${service(name).environment.PORT}/autoheal/alert`),
    );
    const secrets = service("alertmanager").volumes.find(({ source }) => source === "secrets")?.target ?? "none";
    const script = await Bun.file(join(ROOT, "deploy", "secrets.sh")).text();
    for (const { http_config } of calls) {
      const [name = ""] = http_config.authorization.credentials_file.replace(`${secrets}/`, "").split("/");
      expect(http_config.authorization.credentials_file).toBe(`${secrets}/${name}`);
      expect(script).toMatch(new RegExp(`keep ${name}\\b`));
    }
  });

  test("Grafana finds its data source and its dashboards by files, with nothing to import", async () => {
    expect(seenAt("grafana", "grafana/provisioning")).toBe("/etc/grafana/provisioning");
    expect((await readProvider()).options.path).toBe(seenAt("grafana", "grafana/dashboards") ?? "");
    const { url, jsonData } = await readDatasource();
    expect(url).toBe(`http://prometheus:${service("prometheus").ports[0]?.target}`);
    expect(service("prometheus").image).toBe(`prom/prometheus:v${jsonData.prometheusVersion}`);
    // Grafana looks into folders of these names alone.
    for (const folder of ["datasources", "dashboards"]) {
      expect(existsSync(join(GRAFANA, "provisioning", folder))).toBe(true);
    }
  });

  test("the dashboards are written for the Grafana that is started", async () => {
    const files = [...new Bun.Glob("*.json").scanSync({ cwd: join(GRAFANA, "dashboards") })];
    const version = service("grafana").image?.replace("grafana/grafana:", "");
    for (const file of files) {
      const text = await Bun.file(join(GRAFANA, "dashboards", file)).text();
      const versions = new Set([...text.matchAll(/"pluginVersion": "([^"]+)"/g)].map(([, found]) => found));
      expect([...versions]).toEqual([version]);
    }
  });
});
