import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "./server.ts";

/** Where a tool stands that is compose without Docker; `.ci/run` has it built before the tests. */
const BESIDE = join(ROOT, "..", "shared", "tools", "compose");

const amount = z.union([z.string(), z.number()]).transform(String);
const serviceSchema = z.object({
  image: z.string(),
  container_name: z.string().optional(),
  command: z.array(z.string()).nullish(),
  entrypoint: z.array(z.string()).nullish(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  ports: z.array(z.object({ host_ip: z.string().optional(), published: z.string(), target: z.number() })).default([]),
  volumes: z
    .array(
      z.object({
        type: z.string(),
        source: z.string().optional(),
        target: z.string(),
        read_only: z.boolean().optional(),
      }),
    )
    .default([]),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  restart: z.string().optional(),
  stop_grace_period: z.string().optional(),
  logging: z.object({ options: z.record(z.string(), z.string()) }).optional(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  deploy: z
    .object({ resources: z.object({ limits: z.object({ cpus: amount.optional(), memory: amount.optional() }) }) })
    .optional(),
});
const projectSchema = z.object({
  name: z.string(),
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.unknown()),
});

export type ComposeService = z.output<typeof serviceSchema>;
export type ComposeProject = z.output<typeof projectSchema>;

/** The command that reads compose files here, or undefined: then its tests are left out, but in CI that is a failure. */
export function composeCommand(): string[] | undefined {
  const named = process.env.COMPOSE_TEST_COMMAND ?? (Bun.which(BESIDE) === null ? undefined : BESIDE);
  if (named !== undefined) return [named];
  const docker = Bun.which("docker");
  if (docker !== null && Bun.spawnSync([docker, "compose", "version"]).success) return [docker, "compose"];
  if (process.env.CI) throw new Error("docker compose must be there in CI, or COMPOSE_TEST_COMMAND name it");
  return undefined;
}

/**
 * What compose itself makes of compose.yaml: merged, with env files read and every default filled in.
 * @param options before the subcommand, such as `--profile dev`
 * @throws {Error} with compose's own words when it refuses the file
 */
export async function composeProject(...options: string[]): Promise<ComposeProject> {
  const command = [
    ...(composeCommand() ?? []),
    "-f",
    join(ROOT, "compose.yaml"),
    ...options,
    "config",
    "--format",
    "json",
  ];
  // A developer's own settings are not what is tested.
  const env = { ...process.env, COMPOSE_PROFILES: "", COMPOSE_FILE: "", COMPOSE_DISABLE_ENV_FILE: "true" };
  const child = Bun.spawn(command, { cwd: ROOT, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`compose config: ${err}`);
  return projectSchema.parse(JSON.parse(out));
}
