/** Embedded PostgreSQL cannot run here. The message is one readable line that says what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = "EmbeddedPostgresError";
}

/** The code of a system error (`ENOENT`), of PostgreSQL (`28P01`) or of postgres.js (`CONNECT_TIMEOUT`); else undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
