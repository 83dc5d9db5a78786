/**
 * `bun run build`: makes `dist/aetherlink`, one file that needs neither Bun nor Node nor anything beside it. Inside are the
 * page's script, SQL, `grafana/`, librdkafka and, unless --no-postgres is given, the programs of the embedded PostgreSQL.
 */
import { mkdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { version } from "../../package.json";
import { readFolder } from "../cli/grafana.ts";
import { findServerFiles } from "../db/embedded/server-files.ts";
import { buildLibrary } from "../kafka/build.ts";
import { bundleScript } from "../ops/index.ts";
import { packServerFiles } from "./postgres.ts";

const ROOT = join(import.meta.dir, "..", "..");

export interface BuildOptions {
  readonly outfile: string;
  /** Whether the programs of PostgreSQL go in: 17 MB. */
  readonly postgres: boolean;
}

/** Builds the binary. @returns its size in bytes */
export async function buildBinary({ outfile, postgres }: BuildOptions): Promise<number> {
  const work = join(ROOT, "dist", `.build-${process.pid}`);
  await mkdir(work, { recursive: true });
  try {
    const entry = join(work, "aetherlink.ts");
    await Bun.write(entry, await wayIn(work, postgres));
    await Bun.build({
      entrypoints: [entry],
      // A bunfig.toml of the folder it is started in could have it run anything.
      compile: { outfile, autoloadBunfig: false },
      target: "bun",
      minify: true,
      sourcemap: "linked",
    });
    // The map is inside as well.
    await rm(`${outfile}.map`, { force: true });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return Bun.file(outfile).size;
}

/** The binary's main module: what `src/main.ts` is for the sources, with all that it brings along as imports. */
async function wayIn(work: string, postgres: boolean): Promise<string> {
  await Bun.write(join(work, "page.txt"), await bundleScript());
  await Bun.write(join(work, "autoheal.txt"), await bundleScript("autoheal"));
  await Bun.write(join(work, "grafana.json"), JSON.stringify(await readFolder(join(ROOT, "grafana"))));
  const imports = [
    importOf(join(ROOT, "src", "cli", "run.ts"), work, "{ run }"),
    importOf(join(work, "page.txt"), work, "script", "text"),
    importOf(join(work, "autoheal.txt"), work, "autohealScript", "text"),
    importOf(join(work, "grafana.json"), work, "grafana", "json"),
    importOf(await buildLibrary(), work, "librdkafka", "file"),
  ];
  const packed = ["script", "autohealScript", "grafana", "librdkafka", `commit: ${JSON.stringify(await commit())}`];
  if (postgres) {
    const files = findServerFiles();
    if (files === undefined)
      throw new Error("the programs of PostgreSQL are not installed: run bun install, or give --no-postgres");
    imports.push(importOf(await packServerFiles(files), work, "archive", "file"));
    packed.push(`postgres: { archive, version: ${JSON.stringify(files.version)} }`);
  }
  return `${imports.join("\n")}\nawait run(Bun.argv.slice(2), { ${packed.join(", ")} });\n`;
}

function importOf(path: string, from: string, names: string, type?: string): string {
  const specifier = JSON.stringify(`./${relative(from, path)}`);
  return `import ${names} from ${specifier}${type === undefined ? "" : ` with { type: "${type}" }`};`;
}

/** Abbreviated id of the commit, with a mark when the tree has changes; undefined outside of a repository. */
async function commit(): Promise<string | undefined> {
  const git = Bun.spawn(["git", "describe", "--always", "--dirty", "--exclude=*"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const id = (await new Response(git.stdout).text()).trim();
  return (await git.exited) === 0 ? id : undefined;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { outfile: { type: "string" }, "no-postgres": { type: "boolean" } },
  });
  const outfile = values.outfile ?? join(ROOT, "dist", "aetherlink");
  const bytes = await buildBinary({ outfile, postgres: values["no-postgres"] !== true });
  process.stdout.write(`${relative(process.cwd(), outfile)}: aetherlink ${version}, ${(bytes / 1e6).toFixed(1)} MB\n`);
}
