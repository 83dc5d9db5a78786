import { closeSync, openSync, rmSync } from "node:fs";
import { errorCode } from "./errors.ts";
import type { Placement } from "./placement.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";
import { CHILD_ENV, identity } from "./run.ts";
import { programPath } from "./server-files.ts";
import { lastComplaint, logSize, readLogFrom } from "./server-log.ts";

/** How a launch ended. `why` tells what to do about it, `complaint` is PostgreSQL's own line. */
export type Launched =
  | { readonly postmaster: Postmaster }
  | { readonly why: "port taken" | "memory held" | "already running" | "broken"; readonly complaint: string };

const POLL_MS = 10;

/** What a development machine needs: no idle processes, nothing but TCP on loopback. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  shared_buffers: "128MB",
  max_connections: "100",
  // Saves three I/O workers and the replication launcher.
  io_method: "sync",
  max_logical_replication_workers: "0",
  // Its lines are read by us.
  lc_messages: "C",
  log_checkpoints: "off",
};

/**
 * Starts PostgreSQL on a free port and waits until it serves, however long it recovers.
 * @param log path of its log
 * @param settings PostgreSQL settings that go before ours
 * @param signal ends the attempt; its reason is thrown
 */
export async function launch(
  placement: Placement,
  log: string,
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Launched> {
  const { files, data, account } = placement;
  const offset = await logSize(log);
  const output = openLog(log);
  const options = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = Bun.spawn([programPath(files, "postgres"), "-D", data, "-p", String(freePort()), ...options], {
    cwd: "/",
    env: CHILD_ENV,
    stdio: ["ignore", output, output],
    // A session of its own: Ctrl-C in the terminal is for our server, which then stops PostgreSQL in order.
    detached: true,
    ...identity(account),
  });
  closeSync(output);
  child.unref();
  while (child.exitCode === null && child.signalCode === null) {
    if (signal.aborted) {
      child.kill("SIGQUIT");
      await child.exited;
      throw signal.reason;
    }
    const postmaster = await findPostmaster(data);
    if (postmaster?.pid === child.pid && postmaster.state === "ready") return { postmaster };
    await Bun.sleep(POLL_MS);
  }
  return failure(await readLogFrom(log, offset));
}

function failure(log: string): Launched {
  const complaint = lastComplaint(log);
  if (log.includes("could not create any TCP/IP sockets")) return { why: "port taken", complaint };
  if (log.includes("pre-existing shared memory block")) return { why: "memory held", complaint };
  // Empty: another launch of the same moment has made the file and not yet written it.
  if (/lock file "postmaster\.pid" (already exists|is empty)/.test(log)) return { why: "already running", complaint };
  return { why: "broken", complaint };
}

/** For appending: see shortenLog. */
function openLog(path: string): number {
  try {
    return openSync(path, "a", 0o600);
  } catch (error) {
    if (errorCode(error) !== "EACCES") throw error;
    // Root has started this user's server once, and its log is in the way.
    rmSync(path);
    return openSync(path, "a", 0o600);
  }
}

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
