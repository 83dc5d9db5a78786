import { existsSync } from "node:fs";
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { parseRules, RulesError } from "../../autoheal/index.ts";
import type { Config } from "../../config.ts";
import type { Sql } from "../../db/pool.ts";
import { type Finding, failed, off, ok } from "./check.ts";

/** Milliseconds that whoever has the port gets to say who it is. */
const WHO_MS = 2_000;
/** Bytes below which a disk is as good as full for a database. */
const LITTLE_SPACE = 500_000_000;
/** Milliseconds that the database's clock and ours may differ: events carry our time, retention and keys end by its. */
const DATABASE_SKEW_MS = 2_000;
/** The same for the issuer, which says seconds only; tokens are given 30 s. */
const ISSUER_SKEW_MS = 20_000;

const healthSchema = z.object({ service: z.literal("aetherlink"), version: z.string() });

/** Whether the server can listen where it should, or does already. */
export async function checkPort({ HOST: host, PORT: port }: Config): Promise<Finding> {
  const where = `${host}:${port}`;
  if (port === 0) return ok(`${host}, on any free port`);
  try {
    Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true);
    return ok(`${where} is free`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EACCES") return failed(`${where} may not be used by this user`, "set PORT to one above 1023");
    if (code !== "EADDRINUSE") return failed(`cannot listen on ${where}`, "set HOST to an address of this machine");
    const version = await whoListens(host, port);
    if (version !== undefined) return ok(`${where} is in use by AetherLink ${version}`);
    return failed(`${where} is in use by another program`, "stop that, or set PORT to another");
  }
}

/** The version of the AetherLink that listens there; undefined when it is something else. */
async function whoListens(host: string, port: number): Promise<string | undefined> {
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  const name = reachable.includes(":") ? `[${reachable}]` : reachable;
  try {
    const response = await fetch(`http://${name}:${port}/`, {
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(WHO_MS),
    });
    return healthSchema.parse(await response.json()).version;
  } catch {
    return undefined;
  }
}

/** Whether the embedded PostgreSQL could write its data; by writing, for rights alone say nothing of a disk that is full or read-only. */
export async function checkDataFolder({ DATABASE_URL: url, DATA_DIR: folder }: Config): Promise<Finding> {
  if (url !== undefined) return off("DATABASE_URL is set: nothing is kept here");
  const path = resolve(folder);
  let place = path;
  while (!existsSync(place)) place = dirname(place);
  try {
    await rm(await mkdtemp(join(place, ".aetherlink-doctor-")), { recursive: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return failed(`${path} cannot be written (${code})`, "let this user write there, or set DATA_DIR or DATABASE_URL");
  }
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  if (free < LITTLE_SPACE)
    return failed(`${path} has ${megabytes(free)} MB left`, "make room, or set DATA_DIR to another disk");
  return ok(`${path} can be written, ${megabytes(free)} MB are free`);
}

function megabytes(bytes: number): string {
  return Math.floor(bytes / 1e6).toLocaleString("en");
}

/** Whether the rules of autoheal can be read. */
export async function checkAutohealFile({ AUTOHEAL_FILE: file }: Config): Promise<Finding> {
  const path = resolve(file);
  if (!existsSync(path)) return off(`there is no ${path}: the rules that are built in hold`);
  try {
    const { actions, rules, dryRun } = parseRules(await Bun.file(path).text());
    const count = `${rules.length} rules, ${Object.keys(actions).length} actions`;
    return ok(`${path}: ${count}${dryRun ? ", nothing is executed (dryRun)" : ""}`);
  } catch (error) {
    if (error instanceof RulesError) return failed(`${path}: ${error.lines.join("; ")}`, "mend the file");
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return failed(`${path} cannot be read${code}`, "let the user that the server runs as read it");
  }
}

/**
 * Whether our clock goes as others' do.
 * @param sql undefined: there is no database to compare it with
 */
export async function checkClock(sql: Sql | undefined, issuer: Date | undefined, now: () => Date): Promise<Finding> {
  const others: { name: string; aheadMs: number; limitMs: number; text: string }[] = [];
  if (sql !== undefined) {
    const before = now().getTime();
    const [row] = await sql<{ at: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as at`;
    const middle = (before + now().getTime()) / 2;
    const aheadMs = middle - Number(row?.at);
    others.push({ name: "the database", aheadMs, limitMs: DATABASE_SKEW_MS, text: `${seconds(aheadMs)} s` });
  }
  if (issuer !== undefined) {
    const aheadMs = now().getTime() - issuer.getTime();
    others.push({ name: "the OIDC issuer", aheadMs, limitMs: ISSUER_SKEW_MS, text: "some seconds" });
  }
  if (others.length === 0) return off("there is nobody to compare it with");
  const wrong = others.filter(({ aheadMs, limitMs }) => Math.abs(aheadMs) > limitMs);
  if (wrong.length > 0) {
    const said = wrong.map(
      ({ name, aheadMs }) => `${seconds(aheadMs)} s ${aheadMs > 0 ? "ahead of" : "behind"} ${name}`,
    );
    return failed(
      `this machine's clock is ${said.join(" and ")}`,
      "let both follow NTP: chronyc tracking, timedatectl",
    );
  }
  return ok(`within ${others.map(({ name, text }) => `${text} of ${name}`).join(" and ")}`);
}

function seconds(ms: number): string {
  return (Math.abs(ms) / 1_000).toFixed(ms > -10_000 && ms < 10_000 ? 3 : 0);
}
