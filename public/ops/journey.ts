import { html } from "htm/preact";
import type { EventView } from "./frame.ts";
import type { Skew } from "./skew.ts";
import { onServer } from "./state.ts";
import { formatClock, formatTook, type Zone } from "./time.ts";

/** A station on an event's way. */
export interface Step {
  readonly name: string;
  /** Milliseconds since 1970, the reader's clock put right; undefined when nobody noted it. */
  readonly at: number | undefined;
  /** Whose clock, and what it says. */
  readonly source: string;
}

/** Part of the bar that the shortest stretch has at least, so that it can be seen. */
const LEAST = 0.02;

/** The way of an event from its commit to the reader's eyes. */
export function stepsOf(row: EventView, skew: Skew | undefined): readonly Step[] {
  const shown = row.shownAt === undefined ? undefined : onServer(skew, row.shownAt);
  return [
    {
      name: "Committed",
      at: row.committedAt,
      source: "occurredAt in the event: the server's clock as its transaction was written",
    },
    { name: "Published", at: row.time, source: "timestamp of the record in the log" },
    {
      name: "Received",
      at: row.receivedAt,
      source:
        row.receivedAt === undefined
          ? "not noted: it was in the log before this server started, or was read again for you"
          : "the server's clock as it read the record from the log",
    },
    { name: "On screen", at: shown, source: shownBy(row, skew) },
  ];
}

/** Milliseconds between each two stations that are known, and what part of the bar they are: at least LEAST, 1 together. */
export function stretchesOf(
  steps: readonly Step[],
): readonly { readonly to: string; readonly ms: number; readonly part: number }[] {
  const known = steps.flatMap(({ name, at }) => (at === undefined ? [] : [{ name, at }]));
  const stretches = known.slice(1).map(({ name, at }, n) => ({ to: name, ms: at - (known[n]?.at ?? at) }));
  const parts = stretches.map(({ ms }) => Math.max(0, ms));
  const total = parts.reduce((sum, ms) => sum + ms, 0);
  const shares = parts.map((ms) => Math.max(LEAST, total === 0 ? 1 : ms / total));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  return stretches.map((stretch, n) => ({ ...stretch, part: (shares[n] ?? 0) / whole }));
}

interface JourneyProps {
  readonly row: EventView;
  readonly zone: Zone;
  readonly skew: Skew | undefined;
}

/** The way of an event: a bar, and every station with its time. */
export function Journey({ row, zone, skew }: JourneyProps) {
  const steps = stepsOf(row, skew);
  const stretches = stretchesOf(steps);
  let from = 0;
  const bars = stretches.map(({ to, part }) => {
    const x = from;
    from += part;
    return html`<rect class=${`leg ${to.toLowerCase().replace(" ", "-")}`} x=${x * 100} width=${part * 100} height="1" />`;
  });
  return html`
    <div class="journey">
      <svg class="journey-bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">${bars}</svg>
      <ol class="steps" aria-label="Way of the event">
        ${steps.map((step) => html`<${StepItem} step=${step} took=${stretches.find(({ to }) => to === step.name)?.ms} zone=${zone} />`)}
      </ol>
      <p class="step-note">${notesOf(steps).join(" ")}</p>
    </div>
  `;
}

/** What is to be said of the times: whose clock the last is by, and why one is missing. */
function notesOf(steps: readonly Step[]): string[] {
  return steps
    .filter(({ name, at }) => at === undefined || name === "On screen")
    .map(({ name, source }) => `${name}: ${source}.`);
}

function StepItem({
  step,
  took,
  zone,
}: {
  readonly step: Step;
  readonly took: number | undefined;
  readonly zone: Zone;
}) {
  const { name, at, source } = step;
  return html`
    <li class=${`step ${name.toLowerCase().replace(" ", "-")}`} title=${source}>
      <span class="step-name">${name}</span>
      <span class="step-time mono">${at === undefined ? "not noted" : formatClock(at, zone)}</span>
      <span class="step-took">${took === undefined ? "" : tookWords(took)}</span>
    </li>
  `;
}

/** Two clocks that are not quite one can make a way shorter than nothing. */
function tookWords(ms: number): string {
  return ms < 0 ? `${formatTook(-ms)} before: clocks differ` : `+${formatTook(ms)}`;
}

function shownBy({ shownAt }: EventView, skew: Skew | undefined): string {
  if (shownAt === undefined) return "not noted: it was in the page as it was opened";
  if (skew === undefined) return "this browser's clock; how far it is from the server's is not known yet";
  const ahead = skew.ms < 0 ? `${-skew.ms} ms behind` : `${skew.ms} ms ahead of`;
  return `this browser's clock, which is ${ahead} the server's (give or take ${skew.error} ms); that is taken out`;
}
