import { freePort } from "../support/folder.ts";
import { Nginx } from "../support/nginx.ts";
import { RunningServer } from "../support/server.ts";

/** A POST that a server took is not sent to another: the default of nginx. */
const LOCATION = `proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
  proxy_read_timeout 10m;`;
/** Seconds for which nginx does not try a server that could not be reached. */
const FAIL_TIMEOUT_S = 1;
/** Milliseconds until nginx surely tries it again: it counts in whole seconds. */
const FOUND_AGAIN_MS = (FAIL_TIMEOUT_S + 1) * 1_000 + 200;

/** Two servers behind nginx, on one database and one Kafka. */
export class Replicas {
  readonly #servers: (RunningServer | undefined)[] = [];
  readonly #ports: number[];
  /** One that keeps connections to the servers, and one that makes one for each request. */
  readonly #proxies = [new Nginx(), new Nginx()];
  readonly #env: Record<string, string>;
  readonly #command: string[] | undefined;

  /**
   * @param env of both servers, beside PORT
   * @param command default: from sources
   */
  constructor(env: Record<string, string>, command?: string[]) {
    this.#env = env;
    this.#command = command;
    const first = freePort(21_511);
    this.#ports = [first, first + 1];
  }

  async start(): Promise<this> {
    await Promise.all(this.#ports.map((_, i) => this.#startServer(i)));
    const servers = this.#ports
      .map((port) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=${FAIL_TIMEOUT_S}s;`)
      .join(" ");
    for (const [i, keepalive] of ["keepalive 64;", ""].entries()) {
      await this.#proxies[i]?.start("http://aetherlink", LOCATION, `upstream aetherlink { ${servers} ${keepalive} }`);
    }
    return this;
  }

  /** Where the two proxies listen. */
  get urls(): string[] {
    return this.#proxies.map(({ url }) => url);
  }

  /**
   * One after the other: told to stop, waited for, started again, waited for, and given the time after which nginx looks
   * for it again: stopped before that, the other would be missed. @returns milliseconds that each stop took
   */
  async restart(): Promise<number[]> {
    const stops: number[] = [];
    for (const i of this.#ports.keys()) {
      const began = performance.now();
      const code = await this.#servers[i]?.stop();
      stops.push(performance.now() - began);
      if (code !== 0) throw new Error(`a server ended with ${code}:\n${this.#servers[i]?.output}`);
      await this.#startServer(i);
      await Bun.sleep(FOUND_AGAIN_MS);
    }
    return stops;
  }

  /** What the proxies complained of. */
  async complaints(): Promise<string> {
    return (await Promise.all(this.#proxies.map((proxy) => proxy.errors()))).join("");
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server?.stop()));
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
  }

  async #startServer(i: number): Promise<void> {
    const env = { ...this.#env, PORT: String(this.#ports[i]), LOG_LEVEL: "info", LOG_FORMAT: "json" };
    this.#servers[i] = await new RunningServer({ env, ...(this.#command && { command: this.#command }) }).ready();
  }
}
