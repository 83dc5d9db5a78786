import { html } from "htm/preact";
import { hydrate, render } from "preact";
import type { AuditEntry } from "../../src/autoheal/audit.ts";
import { problemOf } from "../ops/problem.ts";
import type { Commands } from "./commands.ts";
import { AutohealPage } from "./page.ts";
import { type AutohealAction, type AutohealData, type AutohealState, initialState, reduce } from "./state.ts";
import { DecisionStream } from "./stream.ts";

/** Milliseconds between looks at the status while the page is looked at, and after a decision. */
const POLL_MS = 5_000;
const SOON_MS = 250;

/** The page in the browser: takes over what the server rendered and keeps it live. */
export class AutohealApp implements Commands {
  #state: AutohealState;
  readonly #stream: DecisionStream;
  #arrived: AuditEntry[] = [];
  #frame: number | undefined;
  #poll: number | undefined;

  /** @param root holds what the server rendered from `data` */
  constructor(
    private readonly root: Element,
    data: AutohealData,
  ) {
    this.#state = initialState(data);
    this.#stream = new DecisionStream(this.#state.lastEventId, {
      onConnection: (connection) => this.dispatch({ kind: "connection", connection }),
      onEntry: (entry) => {
        this.#arrived.push(entry);
        this.#schedule();
        // What limits and parts are like has changed with it.
        this.#pollIn(SOON_MS);
      },
    });
  }

  /** Hydrates, then opens the stream. */
  start(): void {
    hydrate(this.#view(), this.root);
    this.dispatch({ kind: "browser" });
    this.#stream.start();
    this.#pollIn(POLL_MS);
    setInterval(() => this.dispatch({ kind: "tick", now: Date.now() }), 1_000);
    document.addEventListener("visibilitychange", () => this.#pollIn(0));
  }

  readonly dispatch = (action: AutohealAction): void => {
    this.#state = reduce(this.#state, action);
    this.#schedule();
  };

  retry(): void {
    this.#stream.retry();
  }

  async acknowledge(ack: { cause: string; note: string; minutes: number }): Promise<string | undefined> {
    try {
      const response = await fetch("/autoheal/ack", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(ack),
      });
      if (!response.ok) return await problemOf(response);
      await this.#ask();
      return undefined;
    } catch (error) {
      return `The server cannot be reached: ${error instanceof Error ? error.message : error}`;
    }
  }

  #pollIn(ms: number): void {
    clearTimeout(this.#poll);
    this.#poll = window.setTimeout(() => void this.#ask().finally(() => this.#pollIn(POLL_MS)), ms);
  }

  async #ask(): Promise<void> {
    if (document.visibilityState !== "visible") return;
    const response = await fetch("/autoheal/status", { signal: AbortSignal.timeout(POLL_MS) }).catch(() => undefined);
    // The session is over: the server sends the page to the login.
    if (response?.status === 401) location.reload();
    const status = response?.ok ? await response.json() : null;
    this.dispatch({ kind: "status", status, at: Date.now() });
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (this.#arrived.length > 0) {
        const entries = this.#arrived.splice(0);
        this.#state = reduce(this.#state, { kind: "entries", entries });
      }
      render(this.#view(), this.root);
    });
  }

  #view() {
    return html`<${AutohealPage} state=${this.#state} commands=${this} />`;
  }
}
