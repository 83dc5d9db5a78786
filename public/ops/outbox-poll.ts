import { MAX_LETTERS, type OutboxView, viewOutbox } from "./outbox-view.ts";

const POLL_MS = 5_000;
/** Where the outbox is asked. */
export const OUTBOX_ROOT = "/api/ops/outbox";

/** Asks how the outbox does, every 5 s while the page is looked at. */
export class OutboxPoll {
  #timer: number | undefined;

  /** @param onOutbox told each answer; undefined when there was none */
  constructor(private readonly onOutbox: (outbox: OutboxView | undefined) => void) {}

  /** The first answer is in the page already. */
  start(): void {
    this.#schedule();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") void this.ask();
    });
  }

  /** Asks now. */
  async ask(): Promise<void> {
    if (document.visibilityState === "visible") this.onOutbox(await read().catch(() => undefined));
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.ask(), POLL_MS);
  }
}

async function read(): Promise<OutboxView | undefined> {
  const view = viewOutbox(await json(OUTBOX_ROOT), []);
  if (view === undefined || view.deadLetters === 0) return view;
  const letters = await json(`${OUTBOX_ROOT}/dead-letters?limit=${MAX_LETTERS}`);
  return { ...view, letters: viewOutbox({ ...view, relay: { state: view.relay } }, dataOf(letters))?.letters ?? [] };
}

async function json(path: string): Promise<unknown> {
  const response = await fetch(path, { signal: AbortSignal.timeout(POLL_MS) });
  // The session is over: the server sends the page to the login.
  if (response.status === 401) location.reload();
  return response.ok ? await response.json() : undefined;
}

function dataOf(page: unknown): unknown {
  return typeof page === "object" && page !== null && "data" in page ? page.data : [];
}
