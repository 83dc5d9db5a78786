/** Resolves once the condition holds, looked at every few milliseconds; a condition that throws does not hold yet. */
export async function until(what: string, ms: number, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms;
  let why: unknown;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      why = error;
    }
    if (performance.now() > deadline) throw new Error(`after ${ms / 1000} s it is not so that ${what}`, { cause: why });
    await Bun.sleep(20);
  }
}
