import { dlopen, FFIType, ptr } from "bun:ffi";
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";

/**
 * Closes a listening socket and nothing else, without losing a request. `server.stop()` of Bun 1.4.5 closes the idle
 * connections too, on which a proxy may just have sent a POST that it will not send again; and whatever closes a
 * listening socket resets the connections that wait in its queue. Numbers are those of Linux's headers, x64 and arm64.
 */

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_ACCEPTCONN = 30;
const SOCKADDR_BYTES = 128;
/** Milliseconds in which a handshake under way is finished and its request taken. */
const HANDSHAKE_MS = 20;

const SYMBOLS = {
  getsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  setsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  getsockname: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  dup2: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
} as const;

type Libc = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

/**
 * Closes the socket that listens on `port` in this process; connections that were made stay open. New ones are refused
 * from then on; those that try while it is being closed are refused by their next try, a second later.
 * @returns false where that cannot be done, as on other systems than Linux: then nothing has changed
 */
export async function closeListener(port: number): Promise<boolean> {
  if (process.platform !== "linux") return false;
  let library: ReturnType<typeof dlopen<typeof SYMBOLS>>;
  try {
    library = dlopen("libc.so.6", SYMBOLS);
  } catch {
    return false;
  }
  try {
    const fd = findListener(library.symbols, port);
    if (fd === undefined) return false;
    // Without the filter a connection made in the last instant would be reset; with it, it is not made.
    if (dropSyn(library.symbols, fd)) await Bun.sleep(HANDSHAKE_MS);
    return replace(library.symbols, fd);
  } finally {
    library.close();
  }
}

function findListener(libc: Libc, port: number): number | undefined {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .find((fd) => isSocket(fd) && listens(libc, fd) && portOf(libc, fd) === port);
}

function isSocket(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
  } catch {
    // Closed since the folder was read.
    return false;
  }
}

function listens(libc: Libc, fd: number): boolean {
  const value = new Int32Array(1);
  const length = new Uint32Array([value.byteLength]);
  return libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, ptr(value), ptr(length)) === 0 && value[0] === 1;
}

/** The port stands in the same place for IPv4 and IPv6, in network order. */
function portOf(libc: Libc, fd: number): number | undefined {
  const address = new DataView(new ArrayBuffer(SOCKADDR_BYTES));
  const length = new Uint32Array([SOCKADDR_BYTES]);
  return libc.getsockname(fd, ptr(address), ptr(length)) === 0 ? address.getUint16(2) : undefined;
}

/** What of the TCP header is looked at: the byte of flags, and of it SYN without ACK. */
const FLAGS_OFFSET = 13;
const SYN_ACK = 0x12;
const SYN = 0x02;

/**
 * Lets the kernel pass over packets that begin a connection, by a classic BPF program on the socket (`sock_filter`: u16
 * code, u8 jump if true, u8 jump if false, u32 operand; `sock_fprog`: u16 length, pointer).
 */
function dropSyn(libc: Libc, fd: number): boolean {
  const instructions: readonly (readonly [number, number, number, number])[] = [
    [0x30, 0, 0, FLAGS_OFFSET], // load the byte
    [0x54, 0, 0, SYN_ACK], // and
    [0x15, 0, 1, SYN], // equal: go on, else pass over one
    [0x06, 0, 0, 0], // drop
    [0x06, 0, 0, 0xffff_ffff], // take
  ];
  const program = new DataView(new ArrayBuffer(8 * instructions.length));
  for (const [i, [code, ifTrue, ifFalse, operand]] of instructions.entries()) {
    program.setUint16(8 * i, code, true);
    program.setUint8(8 * i + 2, ifTrue);
    program.setUint8(8 * i + 3, ifFalse);
    program.setUint32(8 * i + 4, operand, true);
  }
  const argument = new DataView(new ArrayBuffer(16));
  argument.setUint16(0, instructions.length, true);
  argument.setBigUint64(8, BigInt(ptr(program)), true);
  return libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, ptr(argument), argument.byteLength) === 0;
}

/**
 * Puts another file in the socket's place, which closes the socket and takes it out of the event loop; Bun closes the
 * number itself later. Shut down instead it would keep the event loop busy until then.
 */
function replace(libc: Libc, fd: number): boolean {
  const nothing = openSync("/dev/null", "r");
  try {
    return libc.dup2(nothing, fd) === fd;
  } finally {
    closeSync(nothing);
  }
}
