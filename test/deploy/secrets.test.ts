/** deploy/secrets.sh, which makes the secrets of compose.yaml in the container that starts first. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../src/config.ts";
import { ROOT } from "../support/server.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "aetherlink-secrets-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(...command: string[]): { code: number; out: string } {
  const child = Bun.spawnSync(["sh", join(ROOT, "deploy", "secrets.sh"), ...command], {
    env: { ...process.env, SECRETS_DIR: folder },
  });
  return { code: child.exitCode, out: `${child.stdout}${child.stderr}` };
}

const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const all = (): Record<string, string> => Object.fromEntries(readdirSync(folder).map((name) => [name, read(name)]));

test("each secret is made, for its reader's eyes only, and not printed; then the command runs in its place", () => {
  expect(run("sh", "-c", "echo started; exit 7")).toEqual({ code: 7, out: "started\n" });
  expect(Object.keys(all()).toSorted()).toEqual([
    "alertmanager-token",
    "autoheal-token",
    "database-url",
    "grafana-admin-password",
    "postgres-password",
  ]);
  const owners: Record<string, number> = {
    "postgres-password": 999,
    "alertmanager-token": 65_534,
    "grafana-admin-password": 472,
  };
  for (const name of Object.keys(all())) {
    const { mode, uid } = statSync(join(folder, name));
    expect(mode & 0o777, name).toBe(0o400);
    if (process.getuid?.() === 0) expect(uid, name).toBe(owners[name] ?? 65_532);
  }
  for (const name of ["postgres-password", "autoheal-token", "grafana-admin-password"]) {
    expect(read(name)).toMatch(/^[A-Za-z0-9]{32}$/);
  }
  expect(read("alertmanager-token")).toBe(read("autoheal-token"));
});

test("the server takes the database's URL, with the password that PostgreSQL was given", () => {
  run("true");
  const file = join(folder, "database-url");
  chmodSync(file, 0o600);
  const { DATABASE_URL } = readConfig({ DATABASE_URL_FILE: file });
  expect(DATABASE_URL).toBe(`postgres://crm:${read("postgres-password")}@postgres:5432/crm`);
});

test("what is there is kept at the next start, and what is missing is made", () => {
  run("true");
  const before = all();
  rmSync(join(folder, "grafana-admin-password"));
  run("true");
  const { "grafana-admin-password": old, ...kept } = before;
  expect(all()).toMatchObject(kept);
  expect(read("grafana-admin-password")).not.toBe(old ?? "");
});
