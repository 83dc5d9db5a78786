/** What of the stream a caller may see, and until when. */
export interface Viewer {
  /** Tenants whose events it is sent; an event of no tenant, as foreign producers write, is only for "all". */
  readonly tenants: ReadonlySet<string> | "all";
  /** When its permission ends; undefined: never. */
  readonly until: Date | undefined;
}

/** Who may see everything. */
export const EVERYTHING: Viewer = { tenants: "all", until: undefined };

/** True when the viewer may see an event of that tenant. */
export function maySee({ tenants }: Viewer, tenantId: string | undefined): boolean {
  return tenants === "all" || (tenantId !== undefined && tenants.has(tenantId));
}
