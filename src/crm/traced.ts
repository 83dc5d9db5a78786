import { stopwatch, type Tracing } from "../metrics/tracing/tracing.ts";
import type { WriteContext } from "./context.ts";

/** Runs the database's part of a write. */
export type TraceWrite = <T>(context: WriteContext, work: () => PromiseLike<T>) => Promise<T>;

/**
 * A write's round trip to PostgreSQL as a span below its request's, the wait for company included (see `src/db/coalescer.ts`).
 * Names of attributes: https://opentelemetry.io/docs/specs/semconv/database/postgresql/
 */
export function traceWrites(tracing: Tracing | undefined): TraceWrite | undefined {
  if (tracing === undefined) return undefined;
  return async (context, work) => {
    const watch = stopwatch();
    let error: string | undefined;
    try {
      return await work();
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.name : "error";
      throw thrown;
    } finally {
      // The path is that of a route, so its third part is one of a few.
      const entity = context.path.split("/")[3] ?? "";
      tracing.record({
        kind: "client",
        name: `write ${entity}`,
        parent: context.traceparent,
        startMs: watch.startMs,
        endMs: watch.endMs(),
        attributes: {
          "db.system.name": "postgresql",
          "db.operation.name": context.method,
          "db.collection.name": entity,
          "aetherlink.tenant.id": context.tenantId,
        },
        error,
      });
    }
  };
}
