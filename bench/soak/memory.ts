/** Whether memory grows: a line through samples, and how sure its slope is. */

export interface Trend {
  /** Units of y per unit of x. */
  readonly slope: number;
  /** Standard error of the slope. */
  readonly error: number;
}

/**
 * Least squares. A slope below twice its error is no evidence of growth.
 * Source: https://en.wikipedia.org/wiki/Simple_linear_regression#Normality_assumption
 */
export function trend(points: readonly (readonly [x: number, y: number])[]): Trend {
  const mean = (of: readonly number[]) => of.reduce((sum, n) => sum + n, 0) / of.length;
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (points.length - 2) / sxx) };
}
