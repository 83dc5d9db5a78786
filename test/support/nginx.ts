import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The system's nginx, or undefined: then its tests are left out, but in CI that is a failure. */
export function nginxPath(): string | undefined {
  const path = Bun.which("nginx", { PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` });
  if (path === null && process.env.CI) throw new Error("nginx must be installed in CI");
  return path ?? undefined;
}

/** nginx in front of a server, as a process of its own. */
export class Nginx {
  #process: Bun.Subprocess | undefined;
  #folder = "";
  port = 0;

  /**
   * @param target such as `http://127.0.0.1:9010`
   * @param directives of the location, beside `proxy_pass`
   * @param http directives beside the server, such as an upstream that `target` names
   */
  async start(target: string, directives = "", http = ""): Promise<this> {
    const port = freePort();
    return await this.serve(
      port,
      `access_log off; ${http}
        server { listen 127.0.0.1:${port}; location / { proxy_pass ${target}; ${directives} } }`,
    );
  }

  /**
   * Starts it with an http block of its own.
   * @param port on which that listens
   */
  async serve(port: number, http: string): Promise<this> {
    this.#folder = await mkdtemp(join(tmpdir(), "aetherlink-nginx-"));
    this.port = port;
    const folder = this.#folder;
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(" ");
    await Bun.write(
      join(folder, "nginx.conf"),
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
      ${process.getuid?.() === 0 ? "user root;" : ""}
      events { worker_connections 4096; }
      http { ${temporary} ${http} }`,
    );
    const command = [nginxPath() ?? "nginx", "-p", folder, "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`];
    this.#process = Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"] });
    await this.#listening();
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it wrote to its error log. */
  async errors(): Promise<string> {
    return await Bun.file(join(this.#folder, "error.log")).text();
  }

  async stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    await this.#process?.exited;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #listening(): Promise<void> {
    while (this.#process?.exitCode === null) {
      try {
        (await Bun.connect({ hostname: "127.0.0.1", port: this.port, socket: { data() {} } })).end();
        return;
      } catch {
        await Bun.sleep(10);
      }
    }
    throw new Error(`nginx ended: ${await Bun.file(`${this.#folder}/error.log`).text()}`);
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
