/** The server cannot know the reader's time zone, so a page comes in UTC and turns local in the browser. */
export type Zone = "utc" | "local";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `Nov 23`. @param time milliseconds since 1970 */
export function formatDay(time: number, zone: Zone): string {
  const date = new Date(time);
  const [month, day] = zone === "utc" ? [date.getUTCMonth(), date.getUTCDate()] : [date.getMonth(), date.getDate()];
  return `${MONTHS[month]} ${day}`;
}

/** `07:00:00.123`: by hand, because Intl takes ten times as long and every row needs one. @param time milliseconds since 1970 */
export function formatClock(time: number, zone: Zone): string {
  const date = new Date(time);
  const [hours, minutes, seconds] =
    zone === "utc"
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${pad(hours)}:${pad(minutes)}:${pad(seconds)}.${pad(date.getUTCMilliseconds(), 3)}`;
}

/** How long ago, in the space of a narrow column: `now`, `12s`, `5m`, `3h`, `2d`. @param ms milliseconds */
export function formatAgo(ms: number): string {
  if (ms < 1_000) return "now";
  if (ms < 60_000) return `${Math.floor(ms / 1_000)}s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)}m`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)}h`;
  return `${Math.floor(ms / 86_400_000)}d`;
}

/** How long something took: `0 ms`, `14 ms`, `1.25 s`, `3 min`, `5 h`. @param ms milliseconds */
export function formatTook(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(2)} s`;
  return formatAge(ms / 1_000);
}

/** `3 s`, `12 min`, `5 h`, `2 d`. */
export function formatAge(seconds: number): string {
  if (seconds < 1) return "under 1 s";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/**
 * A time as the stream's `since` has it: RFC 3339, or how long ago as in `90s`, `10m`, `2h`, `7d`.
 * @returns milliseconds since 1970; undefined when it is neither
 */
export function readTime(text: string, now: number): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return Math.max(0, now - Number(count) * (UNITS[unit] ?? 0));
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.max(0, time);
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}
