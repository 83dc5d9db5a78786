/** What is made of many measurements. */
export type Numbers = readonly number[];

/** The value below which a share `q` of the numbers lies; NaN of none. */
export function quantile(numbers: Numbers, q: number): number {
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function median(numbers: Numbers): number {
  return quantile(numbers, 0.5);
}

/** Median, lowest and highest as text; one number alone when there is only one. */
export function spread(numbers: Numbers, digits = 0): string {
  const show = (n: number) => n.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  if (numbers.length <= 1) return show(median(numbers));
  return `${show(median(numbers))} (${show(Math.min(...numbers))} – ${show(Math.max(...numbers))})`;
}

export interface Line {
  /** Units of y per unit of x. */
  readonly slope: number;
  /** Standard error of the slope: below twice of it a slope is no evidence of growth. NaN of two points. */
  readonly error: number;
}

/**
 * The straight line through some points by least squares.
 * Source: https://en.wikipedia.org/wiki/Simple_linear_regression#Normality_assumption
 */
export function line(points: readonly (readonly [x: number, y: number])[]): Line {
  const mean = (of: Numbers) => of.reduce((sum, n) => sum + n, 0) / of.length;
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0);
  return { slope, error: points.length > 2 ? Math.sqrt(rest / (points.length - 2) / sxx) : Number.NaN };
}

/** The k of cost ~ size^k: 0 is constant, 1 linear. Slope of log cost against log size. */
export function exponent(points: readonly (readonly [size: number, cost: number])[]): Line {
  return line(points.map(([size, cost]) => [Math.log(size), Math.log(cost)] as const));
}
