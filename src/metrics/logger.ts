import pino from "pino";
import pretty from "pino-pretty";

/** Structured logger: `log.info({ field }, "message")`. One line a call. */
export type Logger = pino.Logger;

/**
 * Builds the logger, writing to standard output.
 * @param level least severe level that is written; "silent" writes none
 * @param format "json": one object a line; "pretty": for people; "auto": pretty on a terminal, else json
 */
export function createLogger(level: string, format: "auto" | "json" | "pretty"): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  const forPeople = format === "pretty" || (format === "auto" && process.stdout.isTTY === true);
  if (!forPeople) return pino(options, pino.destination({ fd: 1, sync: true }));
  // As a stream, not as a transport: a transport is a worker thread loaded by file name, which a compiled binary has not.
  return pino(
    options,
    pretty({ colorize: process.stdout.isTTY === true, translateTime: "SYS:HH:MM:ss.l", sync: true }),
  );
}
