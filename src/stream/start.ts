import type { OffsetVector } from "../log/vector.ts";

/** Where a stream begins. */
export type Start =
  /** With what comes from now on. */
  | { readonly kind: "live" }
  /** Behind what the client has seen. */
  | { readonly kind: "resume"; readonly position: OffsetVector }
  /** The client's id means nothing to us: it is sent a reset and the newest events. */
  | { readonly kind: "unknown" }
  /** In the past: at a time or with the oldest event kept, and of that the newest `limit` events. */
  | { readonly kind: "past"; readonly since: Date | undefined; readonly limit: number | undefined };

/** With what comes from now on. */
export const LIVE: Start = { kind: "live" };
