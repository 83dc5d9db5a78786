/**
 * A program for tests: `bun owner.fixture.ts <dataDir>` starts embedded PostgreSQL there, writes one JSON line with what
 * `start` gave or threw, and stays until it is killed. A signal that it gets is only reported, by a line too.
 */
import { EmbeddedPostgres } from "./index.ts";

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const [dataDir = ""] = process.argv.slice(2);
const quiet = { info() {}, warn() {} };

process.on("SIGINT", () => say({ signal: "SIGINT" }));
process.on("SIGTERM", () => process.exit(0));
try {
  say(await new EmbeddedPostgres({ dataDir, log: quiet, settings: { fsync: "off" } }).start());
  setInterval(() => {}, 60_000);
} catch (error) {
  say({ error: String(error) });
}
