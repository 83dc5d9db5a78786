import { z } from "zod";

/** What of a frame a line shows; a foreign record may have none of it. */
const frameSchema = z.looseObject({
  partition: z.number().catch(0),
  offset: z.number().catch(0),
  timestamp: z.number().catch(0),
  key: z.string().nullable().catch(null),
  value: z
    .looseObject({
      eventType: z.string().optional().catch(undefined),
      tenantId: z.string().optional().catch(undefined),
      aggregateType: z.string().optional().catch(undefined),
      aggregateId: z.string().optional().catch(undefined),
      version: z.number().optional().catch(undefined),
      occurredAt: z.string().optional().catch(undefined),
      data: z
        .looseObject({
          title: z.string().optional().catch(undefined),
          name: z.string().optional().catch(undefined),
          status: z.string().optional().catch(undefined),
          previousStatus: z.string().optional().catch(undefined),
        })
        .catch({}),
    })
    .catch({ data: {} }),
});

const RESET = "\x1b[0m";
const DIM = "\x1b[2m";
/** Green for what is new, yellow for changes, cyan for a status, red for what is gone. */
const TONES: readonly (readonly [RegExp, string])[] = [
  [/Created$/, "\x1b[32m"],
  [/StatusChanged$/, "\x1b[36m"],
  [/Updated$/, "\x1b[33m"],
  [/Deleted$/, "\x1b[31m"],
];
/** The longest type of ours, JobStatusChanged. */
const TYPE_WIDTH = 16;

/**
 * One event on one line: when, what, whose, which, its name and status, and where in the log it stands.
 * @param frame as the stream brings it, parsed
 * @param colour whether a terminal reads it
 */
export function eventLine(frame: unknown, colour: boolean): string {
  const { partition, offset, timestamp, key, value } = frameSchema.parse(frame);
  const { data } = value;
  const type = shown(value.eventType ?? "?");
  const paint = (text: string, tone: string) => (colour ? `${tone}${text}${RESET}` : text);
  const tone = TONES.find(([pattern]) => pattern.test(type))?.[1] ?? "";
  const id = value.aggregateId ?? key ?? "?";
  const status = data.previousStatus === undefined ? data.status : `${data.previousStatus} → ${data.status}`;
  const parts = [
    paint(clock(value.occurredAt ?? timestamp), DIM),
    paint(type.padEnd(TYPE_WIDTH), tone),
    paint(shown((value.tenantId ?? "?").slice(0, 8)), DIM),
    shown(`${value.aggregateType ?? "?"} ${id}${value.version === undefined ? "" : ` v${value.version}`}`),
    ...(data.title === undefined && data.name === undefined ? [] : [`"${shown(data.title ?? data.name ?? "")}"`]),
    ...(status === undefined ? [] : [shown(status)]),
    paint(`${partition}:${offset}`, DIM),
  ];
  return `${parts.join("  ")}\n`;
}

/** Local time with milliseconds. */
function clock(at: string | number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "??:??:??.???";
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/**
 * Text of strangers on a terminal: control characters, which could move the cursor or colour the rest, and marks that turn
 * the direction of writing around are shown by their number.
 */
export function shown(text: string): string {
  return text.replaceAll(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (found) => {
    return `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
