export { EmbeddedPostgres, type EmbeddedPostgresOptions, type EmbeddedPostgresStarted } from "./embedded-postgres.ts";
export { EmbeddedPostgresError } from "./errors.ts";
export { embeddedPostgresAvailable } from "./server-files.ts";
