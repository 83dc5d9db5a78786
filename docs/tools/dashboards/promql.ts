/** Only ours: a Prometheus may watch others as well. */
export const JOB = 'job="aetherlink"';

/** Events a second, over at least four scrapes. */
export function perSecond(metric: string, by: string, matchers = ""): string {
  return `sum by (${by}) (rate(${metric}{${JOB}${matchers}}[$__rate_interval]))`;
}

/** A quantile of a histogram, over all replicas. Without a value where nothing was observed. */
export function quantile(q: number, histogram: string, matchers = ""): string {
  return `histogram_quantile(${q}, sum by (le) (rate(${histogram}_bucket{${JOB}${matchers}}[$__rate_interval]))) >= 0`;
}

/** Three quantiles, as queries of a panel. */
export function quantiles(histogram: string, matchers = "") {
  const query = (q: number) => ({ expr: quantile(q, histogram, matchers), legend: `p${q * 100}` });
  return [query(0.5), query(0.95), query(0.99)] as const;
}
