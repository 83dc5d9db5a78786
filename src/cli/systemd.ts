import { dlopen, FFIType, ptr } from "bun:ffi";
import { serviceManager } from "../config.ts";

/**
 * Tells systemd how the service is doing, as a unit with `Type=notify` and `WatchdogSec` expects (sd_notify(3)). By C's own
 * sendto, because Bun 1.4.5 has no datagrams on Unix sockets. Numbers are those of Linux's headers, x64 and arm64.
 */

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0x8_0002;
const MSG_NOSIGNAL = 0x4000;
/** sun_path of sockaddr_un. */
const PATH_BYTES = 108;

const SYMBOLS = {
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  sendto: {
    args: [FFIType.i32, FFIType.ptr, FFIType.u64_fast, FFIType.i32, FFIType.ptr, FFIType.u32],
    returns: FFIType.i64_fast,
  },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
} as const;

export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  #timer: Timer | undefined;

  /** Without a service manager that listens, every call does nothing. */
  constructor(manager = serviceManager()) {
    this.#socket = manager?.socket;
    this.#watchdogMs = manager?.watchdogMs;
  }

  /** The server serves. From now on it is told twice in each watchdog's time that the event loop turns. */
  ready(url: string): void {
    this.#send(`READY=1\nSTATUS=Serving on ${url}`);
    if (this.#watchdogMs === undefined || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#send("WATCHDOG=1"), this.#watchdogMs / 2);
    this.#timer.unref();
  }

  /** The server was told to stop. The watchdog goes on being told: a shutdown that hangs is to be ended as well. */
  stopping(): void {
    this.#send("STOPPING=1\nSTATUS=Stopping");
  }

  /** Ends the watchdog's timer. Safe twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #send(message: string): void {
    if (this.#socket === undefined || process.platform !== "linux") return;
    sendDatagram(this.#socket, message);
  }
}

/**
 * Sends one datagram to a Unix socket.
 * @param path of the socket; one that begins with `@` is in Linux's abstract namespace
 * @returns false when it could not be sent
 */
export function sendDatagram(path: string, message: string): boolean {
  const name = Buffer.from(path);
  if (name.length === 0 || name.length > PATH_BYTES) return false;
  if (name[0] === "@".charCodeAt(0)) name[0] = 0;
  const address = Buffer.alloc(2 + PATH_BYTES);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  const bytes = Buffer.from(message);
  let library: ReturnType<typeof dlopen<typeof SYMBOLS>>;
  try {
    library = dlopen("libc.so.6", SYMBOLS);
  } catch {
    return false;
  }
  const { socket, sendto, close } = library.symbols;
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return false;
  try {
    // The name of an abstract socket ends where the length says, not at a zero.
    return Number(sendto(fd, ptr(bytes), bytes.length, MSG_NOSIGNAL, ptr(address), 2 + name.length)) === bytes.length;
  } finally {
    close(fd);
    library.close();
  }
}
