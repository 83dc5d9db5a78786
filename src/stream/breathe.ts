/**
 * Lets the event loop turn. A log in memory and a client that takes everything never make us wait, and without it 3,000
 * clients that came back together held up everyone else for seven seconds.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
