/** How the stream stands. */
export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** Nothing came for so long that it counts as dead; it is opened anew. @property since by Date.now, of the last sign of life */
  | { readonly kind: "stale"; readonly since: number }
  /** It ended. @property at by Date.now: when it is opened again; undefined: right now */
  | { readonly kind: "reconnecting"; readonly at: number | undefined }
  /** Closed on purpose: what is shown is of the past, and full. */
  | { readonly kind: "past" };
