import { migrate, pendingFiles } from "../db/migrate.ts";
import { defineCommand, JSON_OPTION } from "./command.ts";
import { withDatabase } from "./database.ts";
import { Exit } from "./exit.ts";

const EMBEDDED = "an embedded PostgreSQL is migrated when the server starts";

/** `aetherlink migrate`: what a server does when it starts, done beforehand. */
export const migrateCommand = defineCommand({
  name: "migrate",
  summary: "bring the schema of DATABASE_URL up to date",
  about:
    "A server does the same when it starts; several may, at once. Run it first where the servers' own\n" +
    "database user may not change the schema. It is safe while the previous version still runs.",
  options: {
    "dry-run": { type: "boolean", help: "say what would be applied, and apply nothing" },
    json: JSON_OPTION,
  },
  examples: [
    ["migrate", "before the first server of a new version starts"],
    ["migrate --dry-run || echo 'something is pending'", "in a pipeline"],
  ],
  no: "--dry-run: something is pending",
  environment: ["DATABASE_URL", "DATABASE_SESSION_URL"],
  run: async (values, _, { out }) => {
    const dryRun = values["dry-run"] === true;
    return await withDatabase(EMBEDDED, async (sql) => {
      const files = dryRun ? await pendingFiles(sql) : await migrate(sql);
      if (values.json === true) {
        out(`${JSON.stringify({ dryRun, ...files })}\n`);
      } else {
        const names = [...files.migrations, ...files.functions.map((name) => `functions/${name}`)];
        const verb = dryRun ? "pending" : "applied";
        const newer = files.newer.map((name) => `${name} is of a newer version: the SQL functions stay as they are\n`);
        out(names.length === 0 ? newer.join("") || "up to date\n" : names.map((name) => `${verb} ${name}\n`).join(""));
      }
      return dryRun && files.migrations.length + files.functions.length > 0 ? Exit.no : Exit.ok;
    });
  },
});
