import type { QueriedPanel } from "../dashboard.ts";

/** A series over time: seconds since the beginning, and what it was then. */
export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

/** A panel with what Prometheus answered. */
export interface Drawn {
  readonly panel: QueriedPanel;
  /** Of panels over time. */
  readonly lines: readonly Line[];
  /** Of panels that show the value of now: its name and value. */
  readonly now: readonly (readonly [name: string, value: number])[];
}

const COLUMN = 50;
const ROW = 26;
const GAP = 6;
const WIDTH = 24 * COLUMN;
const COLORS: Readonly<Record<string, string>> = {
  green: "#3f8f5f",
  yellow: "#b8912a",
  orange: "#c46a28",
  red: "#b8383d",
  blue: "#3a6ea8",
  text: "#555",
};
const PALETTE = ["#3f8f5f", "#b8912a", "#3a6ea8", "#c46a28", "#8a4fae", "#2f9aa0", "#b8383d", "#6b7280"];

/**
 * The panels of a dashboard on its grid, as an SVG.
 * @param seconds how long the run took
 * @param caption what the picture is, in one line
 */
export function draw(panels: readonly Drawn[], seconds: number, caption: string): string {
  const rows = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  const height = rows * ROW + 30;
  const body = panels.map((drawn) => {
    const { x, y, w, h } = drawn.panel.gridPos;
    const inner = { width: w * COLUMN - GAP, height: h * ROW - GAP };
    return `<g transform="translate(${x * COLUMN},${y * ROW})">${drawPanel(drawn, inner, seconds)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="11">
<title>${xml(caption)}</title>
<rect width="${WIDTH}" height="${height}" fill="#f4f5f7"/>
${body.join("\n")}
<text x="4" y="${height - 10}" fill="#555">${xml(caption)}</text>
</svg>
`;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function drawPanel(drawn: Drawn, size: Size, seconds: number): string {
  const { panel } = drawn;
  const frame = `<rect width="${size.width}" height="${size.height}" rx="3" fill="#fff" stroke="#d8dbe0"/>`;
  const title = `<text x="8" y="16" font-weight="600" fill="#222">${xml(panel.title)}</text>`;
  if (panel.type === "stat") return `${frame}${drawNumber(drawn, size)}${title}`;
  if (panel.type === "bargauge") return `${frame}${title}${drawBars(drawn, size)}`;
  return `${frame}${title}${drawLines(drawn, size, seconds)}`;
}

function drawNumber({ panel, now }: Drawn, { width, height }: Size): string {
  const [first] = now;
  const { mappings, noValue = "no data" } = panel.fieldConfig.defaults;
  const value = first?.[1];
  const word = value === undefined ? noValue : mappings[0]?.options[String(value)]?.text;
  const fill = value === undefined ? COLORS.text : colorOf(panel, value);
  const text = word ?? format(panel, value ?? 0);
  return `<rect x="4" y="24" width="${width - 8}" height="${height - 28}" rx="3" fill="${fill}"/>
<text x="${width / 2}" y="${24 + (height - 28) / 2 + 9}" text-anchor="middle" font-size="26" fill="#fff">${xml(text)}</text>`;
}

function drawBars({ panel, now }: Drawn, { width, height }: Size): string {
  const step = (height - 30) / Math.max(1, now.length);
  const full = width - 230;
  return now
    .map(([name, value], i) => {
      const y = 26 + i * step;
      const length = Math.max(0, Math.min(1, value)) * full;
      return `<text x="8" y="${y + step / 2 + 4}" fill="#333">${xml(name)}</text>
<rect x="130" y="${y + 4}" width="${full}" height="${step - 8}" fill="#e7e9ed"/>
<rect x="130" y="${y + 4}" width="${length.toFixed(1)}" height="${step - 8}" fill="${colorOf(panel, value)}"/>
<text x="${width - 92}" y="${y + step / 2 + 4}" fill="#333">${xml(format(panel, value))}</text>`;
    })
    .join("\n");
}

function drawLines({ panel, lines }: Drawn, { width, height }: Size, seconds: number): string {
  const legend = Math.ceil(lines.length / 4) * 13;
  const left = 58;
  const area = { width: width - left - 10, height: height - 40 - legend };
  const limit = panel.fieldConfig.defaults.thresholds.steps.at(-1)?.value ?? 0;
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const top = panel.fieldConfig.defaults.max ?? Math.max(...values, limit * 1.1, 1e-9);
  const x = (second: number) => (left + (second / seconds) * area.width).toFixed(1);
  const y = (value: number) => (28 + area.height * (1 - Math.min(1, value / top))).toFixed(1);
  const axis = [0, top / 2, top]
    .map(
      (value) => `<line x1="${left}" x2="${left + area.width}" y1="${y(value)}" y2="${y(value)}" stroke="#e7e9ed"/>
<text x="${left - 5}" y="${Number(y(value)) + 4}" text-anchor="end" fill="#777">${xml(format(panel, value))}</text>`,
    )
    .join("");
  const dashed = panel.fieldConfig.defaults.custom?.thresholdsStyle;
  const isDrawn = typeof dashed === "object" && dashed !== null && "mode" in dashed && dashed.mode !== "off";
  const threshold = isDrawn
    ? `<line x1="${left}" x2="${left + area.width}" y1="${y(limit)}" y2="${y(limit)}" stroke="${COLORS.red}" stroke-dasharray="5 4"/>`
    : "";
  const drawn = lines.map(({ name, points }, i) => {
    const color = PALETTE[i % PALETTE.length];
    const path = pieces(points).map((piece) =>
      piece.map(([at, value], j) => `${j === 0 ? "M" : "L"}${x(at)} ${y(value)}`).join(""),
    );
    const lx = left + (i % 4) * ((width - left) / 4);
    const ly = height - legend + Math.floor(i / 4) * 13 + 2;
    return `<path d="${path.join("")}" fill="none" stroke="${color}" stroke-width="1.3"/>
<rect x="${lx}" y="${ly - 7}" width="8" height="3" fill="${color}"/><text x="${lx + 12}" y="${ly}" fill="#444" font-size="10">${xml(name)}</text>`;
  });
  return `${axis}${threshold}${drawn.join("\n")}`;
}

/** A line is broken where nothing was known: seconds between two points of one piece. */
const CONNECTED_S = 4;

function pieces(points: Line["points"]): Line["points"][] {
  const all: (readonly [number, number])[][] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    if (point[0] - before > CONNECTED_S) all.push([]);
    all.at(-1)?.push(point);
    before = point[0];
  }
  return all;
}

function colorOf(panel: QueriedPanel, value: number): string {
  const { steps } = panel.fieldConfig.defaults.thresholds;
  const reached = steps.filter((step) => step.value === null || value >= step.value).at(-1);
  return COLORS[reached?.color ?? "text"] ?? "#555";
}

function format(panel: QueriedPanel, value: number): string {
  const { unit } = panel.fieldConfig.defaults;
  if (unit === "percentunit") return `${(100 * value).toFixed(1)} %`;
  if (unit !== "s") return value >= 100 ? value.toFixed(0) : String(Math.round(value * 100) / 100);
  return value < 1 ? `${Math.round(value * 100_000) / 100} ms` : `${value.toFixed(1)} s`;
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
