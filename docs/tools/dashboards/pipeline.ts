import { dashboard } from "./dashboard.ts";
import { type Panel, type Place, row } from "./panel.ts";
import { glance } from "./pipeline-glance.ts";
import { process } from "./pipeline-process.ts";
import { api, kafka, outbox, stream } from "./pipeline-stages.ts";

const COLUMNS = 24;

/** The way of a change: API → outbox → Kafka → stream, each stage with its rate, its errors, its time and what waits in it. */
export const pipeline = dashboard({
  uid: "aetherlink-pipeline",
  title: "AetherLink pipeline",
  description: "API → outbox → Kafka → stream at a glance. Alerts: docs/operations.md.",
  panels: flow([
    { title: "At a glance", panels: glance, width: 3, height: 4 },
    { title: "API", panels: api, width: 8, height: 8 },
    { title: "Outbox", panels: outbox, width: 8, height: 8 },
    { title: "Kafka", panels: kafka, width: 8, height: 8 },
    { title: "Stream", panels: stream, width: 8, height: 8 },
    { title: "Process", panels: process, width: 8, height: 8 },
  ]),
});

interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly width: number;
  readonly height: number;
}

/** Puts panels from left to right and from top to bottom, each section under its heading. */
function flow(sections: readonly Section[]): (readonly [Panel, Place])[] {
  let y = 0;
  return sections.flatMap(({ title, panels, width, height }) => {
    const heading = [row(title), { x: 0, y: y++, w: COLUMNS, h: 1 }] as const;
    const inRow = Math.floor(COLUMNS / width);
    const placed = panels.map(
      (panel, index) =>
        [
          panel,
          { x: (index % inRow) * width, y: y + Math.floor(index / inRow) * height, w: width, h: height },
        ] as const,
    );
    y += Math.ceil(panels.length / inRow) * height;
    return [heading, ...placed];
  });
}
