import pino from "pino";
import pretty from "pino-pretty";
import { within } from "../deadline.ts";

/** Structured logger: `log.info({ field }, "message")`. One line a call. */
export type Logger = pino.Logger;

/** Bytes of lines that wait for a reader that is slow; later ones are dropped then, for a server does not stop for its log. */
const WAITING_BYTES = 4 * 1024 * 1024;
/**
 * Bytes of lines, and milliseconds, that are collected before they are written. A write costs as much for one line as for a
 * hundred, which was a fifth of the work for a POST; what a kill -9 takes with it are the lines of these milliseconds.
 */
const TOGETHER_BYTES = 8 * 1024;
const TOGETHER_MS = 10;
/** Milliseconds that the last lines get at the end. */
const LAST_LINES_MS = 500;

/**
 * Builds the logger, writing to standard output; lines of JSON never wait for whoever reads them.
 * @param level least severe level that is written; "silent" writes none
 * @param format "json": one object a line; "pretty": for people; "auto": pretty on a terminal, else json
 * @param refused told each time that lines of JSON cannot be written; they are tried again with the next ones
 */
export function createLogger(
  level: string,
  format: "auto" | "json" | "pretty",
  refused: (error: Error) => void = () => {},
): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  const forPeople = format === "pretty" || (format === "auto" && process.stdout.isTTY === true);
  if (!forPeople) return pino(options, unhurried(refused));
  // As a stream, not as a transport: a transport is a worker thread loaded by file name, which a compiled binary has not.
  return pino(
    options,
    pretty({ colorize: process.stdout.isTTY === true, translateTime: "SYS:HH:MM:ss.l", sync: true }),
  );
}

/** Resolves when all lines so far are written, or when their reader has had its time. */
export async function flushed(logger: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  logger.flush(() => resolve());
  await within(LAST_LINES_MS, promise);
}

/** Standard output, written to behind the back of the event loop: pino's own synchronous way sleeps while a pipe is full. */
function unhurried(refused: (error: Error) => void) {
  let exitingAt: number | undefined;
  // Before the destination registers its own, which writes what is left.
  process.once("exit", () => {
    exitingAt = performance.now();
  });
  const retryEAGAIN = () => exitingAt === undefined || performance.now() - exitingAt < LAST_LINES_MS;
  // With minLength 0 its flush would not wait.
  const destination = pino.destination({
    fd: 1,
    sync: false,
    minLength: TOGETHER_BYTES,
    maxLength: WAITING_BYTES,
    retryEAGAIN,
  });
  // Without a listener it would be an uncaught error, each time. After EPIPE pino gives up for good.
  destination.on("error", refused);
  const write = destination.write.bind(destination);
  // While a write is under way sonic-boom's flush does nothing, and what came meanwhile would wait for the next line.
  const isWriting = () => Reflect.get(destination, "_writing") === true;
  const flush = () => {
    isWaiting = isWriting();
    if (isWaiting) setTimeout(flush, TOGETHER_MS);
    else destination.flush();
  };
  let isWaiting = false;
  destination.write = (line) => {
    if (!isWaiting) setTimeout(flush, TOGETHER_MS);
    isWaiting = true;
    return write(line);
  };
  const flushSync = destination.flushSync.bind(destination);
  destination.flushSync = () => {
    const wasExitingAt = exitingAt;
    // Whoever asks for it waits, so the patience begins here, also where no `exit` was heard before.
    exitingAt ??= performance.now();
    try {
      flushSync();
    } catch {
      // Nobody reads, or there is no room: the lines are lost, the exit code is not. That it throws, and does not try for
      // ever, is by our patch of sonic-boom: docs/decisions/sonic-boom.md.
    } finally {
      exitingAt = wasExitingAt;
    }
  };
  return destination;
}
