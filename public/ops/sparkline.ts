import { html } from "htm/preact";
import { TONES } from "./frame.ts";
import { type Bucket, WINDOW_S } from "./rates.ts";

/** Height of the drawing, in its own units; a second is one wide. */
const HEIGHT = 32;

/** Events that fill the height at least: one alone should not look like a storm. */
const LEAST = 4;

interface SparklineProps {
  readonly rates: readonly Bucket[];
  /** Milliseconds since 1970, by the server's clock. */
  readonly now: number;
}

/** Events a second over the last minute, one colour on the other by type; the second at hand is not counted to its end yet. */
export function Sparkline({ rates, now }: SparklineProps) {
  const end = Math.floor(now / 1_000);
  const bySecond = new Map(rates.map(({ second, counts }) => [second, counts]));
  const bars = Array.from({ length: WINDOW_S }, (_, n) => bySecond.get(end - WINDOW_S + 1 + n) ?? []);
  const totals = bars.map((counts) => counts.reduce((sum, count) => sum + count, 0));
  const most = Math.max(LEAST, ...totals);
  const last = totals.at(-2) ?? 0;
  return html`
    <figure class="sparkline">
      <svg viewBox=${`0 0 ${WINDOW_S} ${HEIGHT}`} preserveAspectRatio="none" role="img"
        aria-label=${`Events a second over the last minute: ${last} in the last whole second, at most ${Math.max(...totals)}`}>
        ${TONES.map((tone, at) => html`<path class=${`fill-${tone}`} d=${pathOf(bars, at, HEIGHT / most)} />`)}
      </svg>
      <figcaption><span><strong>${last}</strong>events/s</span><span class="dim">${`most ${Math.max(...totals)} in a minute`}</span></figcaption>
    </figure>
  `;
}

/** One path for all bars of a tone: 300 rectangles would be 300 elements to look at each second. */
function pathOf(bars: readonly (readonly number[])[], at: number, scale: number): string {
  return bars
    .map((counts, x) => {
      const height = (counts[at] ?? 0) * scale;
      const below = counts.slice(0, at).reduce((sum, count) => sum + count, 0) * scale;
      return height === 0 ? "" : `M${x + 0.1} ${round(HEIGHT - below)}h.8v-${round(height)}h-.8z`;
    })
    .join("");
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
