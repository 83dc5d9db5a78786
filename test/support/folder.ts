import { rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A folder of its own for everything that a run starts: every process works below it. When this process is gone, however
 * it went, a shell kills what still works there, frozen or not, and removes it (as test/support/postgres.ts does).
 */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-chaos-"));
  // Else PostgreSQL, which does not run as root, could not go there.
  await chmod(folder, 0o755);
  const script = `
    cat > /dev/null
    for round in 1 2 3; do
      for process in /proc/[0-9]*; do
        case "$(readlink "$process/cwd" 2> /dev/null)" in "$1"/*) kill -9 "\${process#/proc/}" 2> /dev/null ;; esac
      done
    done
    rm -rf "$1"`;
  const reaper = Bun.spawn(["/bin/sh", "-c", script, "aetherlink-chaos-reaper", folder], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  reaper.unref();
  return folder;
}

/** A folder below, for one process. */
export async function makeBelow(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  return path;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * A port, and the one behind it, that nobody listens on: below those that the system gives to outgoing connections, so
 * that nobody takes it while the server that has it is being started again.
 */
export function freePort(from: number): number {
  // Each worker of a parallel run looks elsewhere first: what it found is taken only when its server listens.
  const first = from + 2 * (process.pid % 500);
  for (let port = first; port < first + 1_000; port += 2) if (isFree(port) && isFree(port + 1)) return port;
  throw new Error(`no free port from ${first} on`);
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
