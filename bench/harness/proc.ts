/** What a process used, from Linux' /proc: https://man7.org/linux/man-pages/man5/proc.5.html */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second; sysconf(_SC_CLK_TCK) is 100 on every Linux that Bun runs on. */
const TICKS = 100;

/** The fields of /proc/<pid>/stat behind the name, from `state` on; the name may hold blanks and parentheses. */
function stat(pid: number): string[] {
  return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
}

/** CPU seconds used so far, own and the system's for it; what its ended children used is not in it. */
export function cpuSeconds(pid: number): number {
  const fields = stat(pid);
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** CPU seconds of a process and all below it, those that ended and were waited for included. */
export function treeCpuSeconds(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    try {
      return (
        sum +
        stat(each)
          .slice(11, 15)
          .map(Number)
          .reduce((a, b) => a + b, 0) /
          TICKS
      );
    } catch {
      // It ended between the two looks.
      return sum;
    }
  }, 0);
}

/** Resident memory, and its peak so far, in MB of 2^20 bytes. */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024;
  return { now: kb("VmRSS"), peak: kb("VmHWM") };
}

/** Memory of a process and all below it by its proportional share of what they have in common, in MB of 2^20 bytes. */
export function treeMemoryMb(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    try {
      const rollup = readFileSync(`/proc/${each}/smaps_rollup`, "utf8");
      return sum + Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1_024;
    } catch {
      return sum;
    }
  }, 0);
}

export function parentOf(pid: number): number {
  return Number(stat(pid)[1]);
}

/** A process and all below it, parents first. */
export function tree(pid: number): number[] {
  const found = [pid];
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim();
      for (const child of children === "" ? [] : children.split(" ")) found.push(...tree(Number(child)));
    }
  } catch {
    // It ended meanwhile.
  }
  return found;
}

/** Every process whose command line or environment has the text: whatever a run in a folder of its own has started. */
export function processesOf(text: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => {
      try {
        return ["cmdline", "environ"].some((file) => readFileSync(`/proc/${pid}/${file}`, "latin1").includes(text));
      } catch {
        return false;
      }
    });
}
