import type { Context } from "hono";
import { METHOD_NAME_ALL } from "hono/router";
import type { RouterRoute } from "hono/types";
import { Counter, Histogram, type Registry } from "prom-client";
import { latencyRoute, routeOf, routeTemplate } from "./route-template.ts";

/** Seconds, around the bars: 5 ms for a read, 25 for a write, and the 250 of the service level. Few, for each is a series a route. */
const SECONDS = [0.005, 0.025, 0.1, 0.25, 1];

/** What the requests of one route are counted in. */
interface Cells {
  readonly method: string;
  readonly route: string;
  /** By class of status, 0 to 5. */
  readonly counts: (Counter.Internal | undefined)[];
  /** Undefined for a route that is not timed. */
  readonly seconds: Histogram.Internal<string> | undefined;
}

/**
 * Rate, errors and duration of requests. Made once, by the composition root. Labels are templates of our own routes,
 * methods that we know and classes of status, never what a caller wrote: so there are no more series than routes allow.
 */
export class HttpMetrics {
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #seconds: Histogram<"method" | "route">;
  readonly #cells = new Map<RouterRoute, Cells>();
  /** What no route takes, whatever its method. */
  readonly #unrouted: Cells = { method: "any", route: "unrouted", counts: [], seconds: undefined };

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: "http_requests_total",
      help: "Requests answered, by route template and class of status. HEAD counts as GET, a stream when it begins; what no route takes is 'unrouted', with the method 'any'.",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "http_request_duration_seconds",
      help: "From a request's headers to its answer, for the CRM (where the three entities share a template), the outbox's routes together, and the page; not for streams.",
      labelNames: ["method", "route"],
      buckets: SECONDS,
      registers,
    });
  }

  /**
   * Makes the series of the API's routes before their first request: one that is not there before its first event cannot
   * show an increase, and the first that fails should.
   */
  know(routes: readonly RouterRoute[]): void {
    for (const route of routes) {
      if (route.method === METHOD_NAME_ALL || !route.path.startsWith("/api/")) continue;
      const cells = this.#of(route);
      for (const status of [2, 5]) this.#count(cells, status).inc(0);
    }
  }

  /** Counts a request when its answer is ready. */
  answered(c: Context, seconds: number): void {
    this.count(routeOf(c), c.res.status, seconds);
  }

  /** Counts a request that did not get as far as the routes. */
  readonly refused = (status: number): void => this.count(undefined, status, 0);

  /** @param route undefined for a request that none takes */
  count(route: RouterRoute | undefined, status: number, seconds: number): void {
    const cells = route === undefined ? this.#unrouted : this.#of(route);
    this.#count(cells, Math.floor(status / 100)).inc();
    cells.seconds?.observe(seconds);
  }

  #of(route: RouterRoute): Cells {
    const known = this.#cells.get(route);
    if (known !== undefined) return known;
    const template = routeTemplate(route.path);
    const timed = latencyRoute(template);
    const { method } = route;
    const seconds = timed === undefined ? undefined : this.#seconds.labels(method, timed);
    const cells = { method, route: template, counts: [], seconds };
    this.#cells.set(route, cells);
    return cells;
  }

  #count({ counts, method, route }: Cells, status: number): Counter.Internal {
    const known = counts[status] ?? this.#requests.labels(method, route, `${status}xx`);
    counts[status] = known;
    return known;
  }
}
