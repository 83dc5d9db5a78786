import { lookup } from "node:dns/promises";
import type { Server } from "bun";
import type { Hono } from "hono";
import { within } from "../deadline.ts";
import { headerError } from "../errors.ts";
import type { Logger } from "../metrics/logger.ts";
import type { AppEnv } from "./env.ts";
import { closeListener } from "./listener.ts";
import { problemResponse } from "./problem.ts";

/** The port cannot be had; the message is one line that names it and the variable. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Milliseconds that a request which comes while the server starts is kept waiting, before it is answered 503. */
const PATIENCE_MS = 5_000;
/** Milliseconds without a new request after which a proxy is taken to have let go of its connections to this server. */
const QUIET_MS = 100;
/** Milliseconds between looks at whether requests are still under way. */
const DRAIN_POLL_MS = 5;
/** Name, IPv4 or bracketed IPv6, and an optional port. */
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;
/** Milliseconds for which a taken port is tried again, and between two tries. */
const RELEASE_MS = 1_000;
const RELEASE_POLL_MS = 50;
/** Milliseconds that the resolver gets to say whether it knows HOST. */
const RESOLVE_MS = 2_000;
/** What HOST may be. */
const HOST_RULE =
  "set it to an IP address of this machine or a name of one, such as 127.0.0.1, ::1 or localhost, or to 0.0.0.0 or :: for all of its addresses";
/** Seconds of silence after which a connection is closed; streams are exempt. */
const IDLE_TIMEOUT_S = 30;

/**
 * The port. It is taken before anything else starts, so that a second server says so at once; requests wait until
 * `open` hands it the routes.
 */
export class HttpServer {
  #server: Server<undefined> | undefined;
  #app: Hono<AppEnv> | undefined;
  /** Resolved once there is something to serve, or never will be. */
  readonly #opened = Promise.withResolvers<void>();
  #isRetiring = false;
  #lastRequestAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly host: string,
    private readonly port: number,
    private readonly log: Logger,
    /** Told the status of what is answered without the routes. */
    private readonly refused: (status: number) => void = () => {},
  ) {}

  /**
   * Takes the port. One that is taken is tried again for a moment: a predecessor may just be letting go of it.
   * @throws {ListenError} when it stays taken or is not allowed
   */
  async listen(): Promise<void> {
    const deadline = performance.now() + RELEASE_MS;
    for (;;) {
      try {
        this.#server = this.#serve();
        return;
      } catch (error) {
        if (codeOf(error) !== "EADDRINUSE" || performance.now() > deadline) {
          throw new ListenError(await this.#explain(error), { cause: error });
        }
        this.log.debug({ port: this.port }, "port is taken, waiting for it");
        await Bun.sleep(RELEASE_POLL_MS);
      }
    }
  }

  /** Begins to serve the routes; requests that came before are answered now. */
  open(app: Hono<AppEnv>): void {
    this.#app = app;
    this.#opened.resolve();
  }

  /** Where the server can be reached, such as `http://localhost:9010`. */
  get url(): string {
    const host = this.host === "127.0.0.1" || this.host === "::1" ? "localhost" : this.host;
    return `http://${host.includes(":") ? `[${host}]` : host}:${this.#server?.port ?? this.port}`;
  }

  /** From now on each answer ends its connection: a proxy that keeps connections lets go of those to this server. */
  retire(): void {
    this.#isRetiring = true;
    // A start that has failed: nothing more is to be waited for.
    this.#opened.resolve();
  }

  /**
   * Stops to accept and waits until the requests under way have ended, those included that still come on connections
   * which a proxy has kept; then closes what is idle.
   * @param deadline by performance.now; what is not done then goes on
   * @param lasting requests that are not waited for, such as open streams
   */
  async drain(deadline: number, lasting: () => number = () => 0): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.retire();
    if (server.port === undefined || !(await closeListener(server.port))) void server.stop();
    const isQuiet = () => performance.now() - this.#lastRequestAt > QUIET_MS && server.pendingRequests <= lasting();
    while (!isQuiet() && performance.now() < deadline) await Bun.sleep(DRAIN_POLL_MS);
    void server.stop();
  }

  /** Waits until everything that was answered is on its way, ended streams included, at most until `deadline` (performance.now). */
  async flush(deadline: number): Promise<void> {
    while ((this.#server?.pendingRequests ?? 0) > 0 && performance.now() < deadline) await Bun.sleep(DRAIN_POLL_MS);
  }

  /** Closes whatever is still open. Safe twice. */
  async stop(): Promise<void> {
    await this.#server?.stop(true);
    this.#server = undefined;
    this.#app = undefined;
  }

  /** A proxy sends requests as soon as the port is there, and would pass a 503 on to whoever sent a POST: so they wait. */
  async #onceOpen(request: Request, server: Server<undefined>): Promise<Response> {
    if (!new URL(request.url).pathname.startsWith("/healthz/")) await within(PATIENCE_MS, this.#opened.promise);
    return (await this.#app?.fetch(request, { server })) ?? this.#refuse(notReady(request));
  }

  #serve(): Server<undefined> {
    return Bun.serve({
      hostname: this.host,
      port: this.port,
      idleTimeout: IDLE_TIMEOUT_S,
      development: false,
      // Bun 1.4.5 shares the port between processes when `development` is false and this is not said.
      reusePort: false,
      // Beyond its own limit Bun answers with an empty 413; ours (`body.ts`) says what is wrong and reads no further.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, server) => {
        // Bun makes the URL from the Host header as it came: with a bad one it is no URL, or one with another path.
        if (!HOST.test(request.headers.get("host") ?? "") || !URL.canParse(request.url)) return this.#refuse(badHost());
        this.#lastRequestAt = performance.now();
        const response = this.#app?.fetch(request, { server }) ?? this.#onceOpen(request, server);
        return this.#isRetiring ? withoutReuse(response) : response;
      },
    });
  }

  #refuse(answer: Response): Response {
    this.refused(answer.status);
    return answer;
  }

  async #explain(error: unknown): Promise<string> {
    const code = codeOf(error);
    if (code === "EADDRINUSE")
      return `PORT: ${this.port} on ${this.host} is already in use; stop what uses it or set PORT to another`;
    if (code === "EACCES") return `PORT: ${this.port} may not be used by this user; set PORT to one above 1023`;
    if (code === "EADDRNOTAVAIL") return `HOST: ${this.host} is no address of this machine; ${HOST_RULE}`;
    // Of a name that nobody knows Bun 1.4.5 says ENOTTY, and of some others that a URL has no host.
    const isKnown = lookup(this.host).then(
      () => true,
      () => false,
    );
    if ((await within(RESOLVE_MS, isKnown)) === false)
      return `HOST: ${this.host} is no IP address and no name that can be resolved; ${HOST_RULE}`;
    return `HOST: cannot listen on ${this.host}, port ${this.port}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The same answer; its connection ends with it. */
async function withoutReuse(pending: Response | Promise<Response>): Promise<Response> {
  const response = await pending;
  response.headers.set("Connection", "close");
  return response;
}

function badHost(): Response {
  const error = headerError("Host", "must be a host name or an IP address, with or without a port");
  return problemResponse(error, "/", "none");
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Alive, but nothing to serve yet or any more. */
function notReady(request: Request): Response {
  const path = new URL(request.url).pathname;
  if (path === "/healthz/live") return Response.json({ status: "ok" });
  const body = {
    type: "urn:aetherlink:problem:unavailable",
    title: "The service is not available right now",
    status: 503,
    detail: "The server is starting or stopping",
    instance: path,
  };
  return new Response(JSON.stringify(body), {
    status: 503,
    headers: { "Content-Type": "application/problem+json", "Retry-After": "1", Connection: "close" },
  });
}
