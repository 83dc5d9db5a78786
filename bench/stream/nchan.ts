/** nginx with nchan, one worker: https://nchan.io/ */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nginxPath } from "../../test/support/nginx.ts";
import { NCHAN_MODULE } from "../harness/needs.ts";

export class Nchan {
  readonly port: number;
  readonly #process: Bun.Subprocess;
  readonly #folder: string;

  private constructor(port: number, process: Bun.Subprocess, folder: string) {
    this.port = port;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(): Promise<Nchan> {
    const folder = await mkdtemp(join(tmpdir(), "aetherlink-nchan-"));
    const port = freePort();
    await Bun.write(join(folder, "nginx.conf"), configuration(folder, port));
    const command = [nginxPath() ?? "nginx", "-p", folder, "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`];
    const child = Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"] });
    for (let tries = 0; tries < 200; tries++) {
      const answers = await fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      );
      if (answers) return new Nchan(port, child, folder);
      if (child.exitCode !== null) throw new Error(`nginx: ${await Bun.file(join(folder, "error.log")).text()}`);
      await Bun.sleep(25);
    }
    child.kill();
    throw new Error("nginx does not answer");
  }

  /** Of the master; its worker is below it. */
  get pid(): number {
    return this.#process.pid;
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One worker, as our server is one process. A subscriber sees what comes after it, and misses what is 1,000 messages behind. */
function configuration(folder: string, port: number): string {
  return `load_module ${NCHAN_MODULE};
    daemon off; worker_processes 1; worker_rlimit_nofile 30000; pid ${folder}/pid; error_log ${folder}/error.log;
    ${process.getuid?.() === 0 ? "user root;" : ""}
    events { worker_connections 20000; }
    http {
      access_log off; keepalive_requests 100000000; nchan_shared_memory_size 256M;
      client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location = / { return 204; }
        location = /publish {
          nchan_publisher; nchan_channel_id events; nchan_message_buffer_length 1000; nchan_message_timeout 1m;
        }
        location = /crm-events {
          nchan_subscriber eventsource; nchan_channel_id events; nchan_subscriber_first_message newest;
          nchan_subscriber_timeout 0;
        }
      }
    }`;
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
