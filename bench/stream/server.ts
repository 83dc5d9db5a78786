/** A server under test, as a process of its own, that makes the events: the time measured is publish → client. */
import { answer } from "../harness/child.ts";
import { copier, honoSse, nchanPublisher, ours } from "./subjects.ts";

export type Kind = "ours" | "hono" | "nchan" | "copier";
export type ServerQuestion =
  | { readonly ask: "port" }
  /**
   * Publishes at a steady rate; 0 events a second: as many as it takes.
   * @property together events that are handed over at once where there is no rate
   */
  | { readonly ask: "publish"; readonly rate: number; readonly ms: number; readonly together?: number }
  /** Bytes of memory after a garbage collection. */
  | { readonly ask: "memory" };
export interface ServerAnswer {
  readonly value: number;
  readonly clients: number;
}

/** Milliseconds between two looks at how many events are due: as the relay hands over what commits meanwhile. */
const STEP_MS = 1;
const SUBJECTS = { ours, hono: honoSse, copier, nchan: () => nchanPublisher(Number(Bun.argv[3])) };
const subject = await SUBJECTS[(Bun.argv[2] ?? "ours") as Kind]();

answer<ServerQuestion, ServerAnswer>(async (question) => ({
  value: await reply(question),
  clients: subject.clients(),
}));

async function reply(question: ServerQuestion): Promise<number> {
  if (question.ask === "port") return subject.port;
  if (question.ask === "publish") return await publish(question.rate, question.ms, question.together ?? 1);
  for (let i = 0; i < 5; i++) {
    Bun.gc(true);
    await Bun.sleep(100);
  }
  return process.memoryUsage.rss();
}

async function publish(rate: number, ms: number, together: number): Promise<number> {
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < ms) {
    const due = rate === 0 ? together : Math.floor(((performance.now() - began) / 1_000) * rate) - sent;
    if (due > 0) await subject.publish(due);
    sent += Math.max(0, due);
    if (rate > 0) await Bun.sleep(STEP_MS);
  }
  return sent;
}
