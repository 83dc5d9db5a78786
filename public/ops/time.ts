/** The server cannot know the reader's time zone, so a page comes in UTC and turns local in the browser. */
export type Zone = "utc" | "local";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

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

function pad(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}
