export async function shortenedRules(factor: number): Promise<Record<string, string>> {
  const text = await Bun.file("/work/shared/reference/slo-rules-sketch.yml").text();
  const ms = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as Record<string, number>;
  const short = (n: string, u: string) => `${Math.max(250, Math.ceil((Number(n) * (ms[u] ?? 1)) / factor))}ms`;
  return {
    "slo.yml": text
      .replaceAll('autoheal"}', 'aetherlink"}')
      .replace(/\[(\d+)([smhd])\]/g, (_, n, u) => `[${short(n, u)}]`)
      .replace(/(interval|for): (\d+)([smhd])/g, (_, k, n, u) => `${k}: ${short(n, u)}`)
      .replace("age_seconds) > 60", "age_seconds) > 1"),
  };
}
