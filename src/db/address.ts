import type { Sql } from "./pool.ts";

/** PostgreSQL's. */
const PORT = 5432;

/**
 * What the driver is to be told beside the URL. It takes the host apart at its first colon, so that of `[::1]` it keeps `[`:
 * an IPv6 address is handed over by itself (postgres.js 3.4.9, `parseOptions`).
 * @returns options of postgres.js, as lists: with text it would take the address apart again, and it declares text alone
 */
export function addressOf(url: string): object {
  const { hostname, port } = new URL(url);
  return hostname.startsWith("[") ? { host: [hostname.slice(1, -1)], port: [Number(port || PORT)] } : {};
}

/** Where a pool leads, for people, such as `127.0.0.1:5432/crm`. */
export function placeOf({ options: { host, port, database } }: Sql): string {
  const hosts = host.map((name, i) => `${name.includes(":") ? `[${name}]` : name}:${port[i] ?? ""}`);
  return `${hosts.join(",")}/${database}`;
}
