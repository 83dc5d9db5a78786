/** What a process used, from Linux' /proc: https://man7.org/linux/man-pages/man5/proc.5.html */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second; sysconf(_SC_CLK_TCK) is 100 on every Linux that Bun runs on. */
const TICKS = 100;

/** CPU seconds used so far, own and the system's for it; what its ended children used is not in it. */
export function cpuSeconds(pid: number): number {
  // The name in parentheses may hold blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory, and its peak so far, in MB of 2^20 bytes. */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024;
  return { now: kb("VmRSS"), peak: kb("VmHWM") };
}

/** A process and all below it. */
export function tree(pid: number): number[] {
  const below: number[] = [];
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim();
    for (const child of children === "" ? [] : children.split(" ")) below.push(...tree(Number(child)));
  }
  return [pid, ...below];
}

/** CPU seconds of a process and all below it that still run. */
export function treeCpuSeconds(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    try {
      return sum + cpuSeconds(each);
    } catch {
      // It ended between the two looks.
      return sum;
    }
  }, 0);
}
