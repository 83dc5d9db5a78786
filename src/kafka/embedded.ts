import { dlopen, FFIType } from "bun:ffi";
import { readFileSync, writeSync } from "node:fs";

const MFD_CLOEXEC = 1;

/**
 * Where the loader finds a library that travels inside a compiled binary. On Linux that is a file in memory: Bun 1.4.5
 * itself writes it to the folder for temporary files, which in a container is read-only, or may not hold programs.
 * @param path inside the binary
 * @returns `/proc/self/fd/…`, for as long as this process lives; `path` itself where that cannot be made
 */
export function loadable(path: string): string {
  if (process.platform !== "linux") return path;
  try {
    const libc = dlopen("libc.so.6", { memfd_create: { args: [FFIType.cstring, FFIType.u32], returns: FFIType.i32 } });
    const fd = libc.symbols.memfd_create(Buffer.from("librdkafka\0"), MFD_CLOEXEC);
    libc.close();
    if (fd < 0) return path;
    const bytes = readFileSync(path);
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    return `/proc/self/fd/${fd}`;
  } catch {
    return path;
  }
}
