/** What some questions need beside Bun, and how it is found. */
import { existsSync } from "node:fs";
import { findChromium } from "../../test/browser/chromium.ts";
import { nginxPath } from "../../test/support/nginx.ts";

export type Need = "kafka" | "kcat" | "pgbench" | "nginx" | "nchan" | "chromium";

/** Where Debian's libnginx-mod-nchan puts its module. */
export const NCHAN_MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/** Brokers that KAFKA_TEST_BROKERS names; empty without. */
export const brokers: string = process.env.KAFKA_TEST_BROKERS ?? "";

/** What is missing and how to get it; undefined when it is there. */
export function missing(need: Need): string | undefined {
  if (need === "kafka") return brokers === "" ? "a Kafka: set KAFKA_TEST_BROKERS" : undefined;
  if (need === "nginx") return nginxPath() === undefined ? "nginx" : undefined;
  if (need === "chromium") {
    const found = findChromium();
    return "missing" in found ? found.missing : undefined;
  }
  if (need === "nchan") {
    return existsSync(NCHAN_MODULE) ? undefined : "nginx with nchan (Debian: libnginx-mod-nchan)";
  }
  if (need === "pgbench") return Bun.which("pgbench") === null ? "pgbench (Debian: postgresql-contrib)" : undefined;
  return Bun.which(need) === null ? need : undefined;
}
