/** The topology of compose.yaml, running: everything comes up with no manual step, and does what the runbook says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { findChromium, launchChromium } from "../browser/chromium.ts";
import { composeCommand } from "../support/compose.ts";
import { missingForKafka } from "../support/kafka.ts";
import { nginxPath } from "../support/nginx.ts";
import { ROOT } from "../support/server.ts";
import { SseReader } from "../support/sse.ts";
import { until } from "../support/wait.ts";
import { Topology } from "./world.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
const TOPIC = "aetherlink.events";
const chromium = findChromium();
const programs = ["prometheus", "prometheus-alertmanager", "psql", "kcat"].filter((name) => Bun.which(name) === null);
const missing = [
  ...programs,
  ...(composeCommand() === undefined ? ["docker compose"] : []),
  ...(nginxPath() === undefined ? ["nginx"] : []),
  ...[missingForKafka() ?? []].flat(),
  ...("missing" in chromium ? [chromium.missing] : []),
];
if (missing.length > 0 && process.env.CI === "true") throw new Error(`missing for this test: ${missing.join(", ")}`);

describe.skipIf(missing.length > 0)("the topology of compose.yaml", () => {
  let topology: Topology;
  let browser: Browser;
  beforeAll(async () => {
    [topology, browser] = await Promise.all([Topology.up(), launchChromium("path" in chromium ? chromium.path : "")]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await topology?.down();
  }, 60_000);

  /** A program that stands for `docker exec <container>`. */
  function exec(command: string[], env: Readonly<Record<string, string>> = {}): string {
    const child = Bun.spawnSync(command, { env: { ...process.env, ...env } });
    if (!child.success) throw new Error(`${command.join(" ")}: ${child.stderr}`);
    return child.stdout.toString();
  }

  async function stream(url: string): Promise<SseReader> {
    const response = await fetch(`${url}/crm-events`);
    if (response.body === null) throw new Error("a stream without a body");
    return new SseReader(response.body);
  }

  test("two servers are ready, and one of them leads", async () => {
    const states = await Promise.all(
      [...topology.servers.values()].map(async ({ url }) => {
        const response = await fetch(`${url}/healthz/ready`);
        return [response.status, (await response.json()).checks.relay];
      }),
    );
    expect(states.toSorted()).toEqual([
      [200, "leading"],
      [200, "standby"],
    ]);
  });

  test("an event that is posted through nginx is on the page, on the stream of both servers, and in Kafka", async () => {
    const page = await browser.newPage();
    await page.goto(`${topology.proxy.url}/`);
    await page.locator('.status[data-connection="live"]').waitFor();
    const streams = await Promise.all([...topology.servers.values(), topology.proxy].map(({ url }) => stream(url)));
    const response = await fetch(`${topology.proxy.url}/api/crm/jobs`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT },
      body: JSON.stringify({ title: "Through every part" }),
    });
    expect(response.status).toBe(201);
    const { id } = await response.json();
    for (const each of streams) {
      await each.until(({ frames }) => frames.some(({ value }) => value.aggregateId === id));
      await each.close();
    }
    await page.locator(".event.fresh", { hasText: "Through every part" }).waitFor();
    // `rpk topic consume aetherlink.events --num 1`
    const record = exec([
      "timeout",
      "20",
      "kcat",
      "-b",
      topology.broker?.address ?? "",
      "-C",
      "-t",
      TOPIC,
      "-c",
      "1",
      "-e",
      "-q",
    ]);
    expect(JSON.parse(record)).toMatchObject({ eventType: "JobCreated", tenantId: TENANT, aggregateId: id });
    await page.close();
  });

  test("the runbook's SQL works as it stands", () => {
    const statement = "SELECT id, type, occurred_at, published_at FROM outbox_events ORDER BY id DESC LIMIT 5;";
    const shown = exec(["psql", "-U", "crm", "-d", "crm", "-c", statement], topology.psql);
    expect(shown).toMatch(/\n +1 \| JobCreated \| \d{4}-\d\d-\d\d \S+ \| \d{4}-\d\d-\d\d \S+\n\(1 row\)\n/);
  });

  test("the topic is there, made by the server: `rpk topic describe` has the same to say as kcat and our own", () => {
    const brokers = topology.broker?.address ?? "";
    const listed = exec(["timeout", "20", "kcat", "-b", brokers, "-L", "-t", TOPIC]);
    expect(listed).toContain(`topic "${TOPIC}" with 3 partitions:`);
    const command = [process.execPath, join(ROOT, "src", "main.ts"), "topic", "describe", "--json"];
    const described = JSON.parse(exec(command, { KAFKA_BROKERS: brokers }));
    const records = described.partitions.map(({ low, high }: { low: number; high: number }) => high - low);
    expect(records.toSorted()).toEqual([0, 0, 1]);
  });

  test("an alert that Alertmanager sends, by the token that was made for it, reaches autoheal, and the leader decides", async () => {
    const { url } = topology.alertmanager ?? { url: "" };
    const labels = { alertname: "TopologyTest", severity: "none" };
    const sent = await fetch(`${url}/api/v2/alerts`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify([{ labels }]),
    });
    expect(sent.status).toBe(200);
    await until("the audit has it", 15_000, async () => {
      const audit = await (await fetch(`${topology.proxy.url}/autoheal/audit`)).json();
      return audit.data.some(({ cause }: { cause: string }) => cause.includes("TopologyTest"));
    });
  });

  test("Prometheus finds both servers and Alertmanager, and has loaded every rule without a fault", async () => {
    const { prometheus } = topology;
    if (prometheus === undefined) throw new Error("there is no Prometheus");
    const up = async () => {
      const { data } = await prometheus.get(`/api/v1/query?query=${encodeURIComponent('up{job="aetherlink"} == 1')}`);
      return data.result.length;
    };
    // It asks each once in 15 s, at a moment of its own choice.
    await until("both are up", 30_000, async () => (await up()) === 2);
    const { data: rules } = await prometheus.get("/api/v1/rules");
    const files = new Set(rules.groups.map(({ file }: { file: string }) => file.split("/").at(-1)));
    expect([...files].toSorted()).toEqual(readdirSync(join(ROOT, "grafana", "prometheus", "rules")).toSorted());
    const faulty = rules.groups.flatMap((group: { rules: { health: string; name: string }[] }) =>
      group.rules.filter(({ health }) => health === "err"),
    );
    expect(faulty).toEqual([]);
    const { data: managers } = await prometheus.get("/api/v1/alertmanagers");
    expect(managers.activeAlertmanagers).toHaveLength(1);
  }, 60_000);
});
