/** Real Prometheus and Alertmanager (Debian's packages), on ports of their own, with data below one folder. */
import { join } from "node:path";
import { freePort, makeBelow } from "../support/folder.ts";
import { type ShortenOptions, shortenAlertmanager, shortenPrometheus } from "../support/shorten.ts";
import { until } from "../support/wait.ts";

/** Programs that are needed and not installed here. */
export function missingForMonitoring(): string[] {
  return ["prometheus", "promtool", "prometheus-alertmanager"].filter((program) => Bun.which(program) === null);
}

/** A sample of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A program that listens where we say. */
class Monitor {
  protected constructor(
    readonly url: string,
    private readonly child: Bun.Subprocess,
  ) {}

  static async run(program: string, port: number, folder: string, args: string[]) {
    const log = Bun.file(join(folder, "log"));
    const child = Bun.spawn([program, ...args, `--web.listen-address=127.0.0.1:${port}`], {
      cwd: folder,
      stdio: ["ignore", log, log],
    });
    const url = `http://127.0.0.1:${port}`;
    try {
      await until(`${program} is ready`, 30_000, async () => {
        if (child.exitCode !== null) throw new Error(await log.text());
        return (await fetch(`${url}/-/ready`)).ok;
      });
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
    return { url, child };
  }

  async stop(): Promise<void> {
    this.child.kill();
    await this.child.exited;
  }
}

export class Alertmanager extends Monitor {
  /** By our configuration, with the servers' addresses in place of those in it. */
  static async start(parent: string, options: ShortenOptions): Promise<Alertmanager> {
    const folder = await makeBelow(parent, "alertmanager");
    const file = await shortenAlertmanager(folder, options);
    const args = [`--config.file=${file}`, "--storage.path=data", "--cluster.listen-address="];
    const { url, child } = await Monitor.run("prometheus-alertmanager", freePort(26_100), folder, args);
    return new Alertmanager(url, child);
  }
}

export class Prometheus extends Monitor {
  /** By our configuration and rules, with the servers' and Alertmanager's addresses in place of those in it. */
  static async start(parent: string, options: ShortenOptions): Promise<Prometheus> {
    const folder = await makeBelow(parent, "prometheus");
    const port = freePort(27_100);
    // It scrapes itself, too.
    const replace = { ...options.replace, "127.0.0.1:9090": `127.0.0.1:${port}` };
    const file = await shortenPrometheus(folder, { ...options, replace });
    const lookback = `${Math.round(300_000 / options.by)}ms`;
    const args = [`--config.file=${file}`, "--storage.tsdb.path=data", `--query.lookback-delta=${lookback}`];
    const { url, child } = await Monitor.run("prometheus", port, folder, args);
    return new Prometheus(url, child);
  }

  /** An instant query. */
  async query(promql: string): Promise<Sample[]> {
    const response = await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query: promql })}`);
    const { data, error } = await response.json();
    if (!response.ok) throw new Error(error);
    return data.result.map(({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => ({
      metric,
      value: Number(value[1]),
    }));
  }

  /** The only value of a query; undefined when there is none. */
  async value(promql: string): Promise<number | undefined> {
    return (await this.query(promql))[0]?.value;
  }
}
