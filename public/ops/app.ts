import { html } from "htm/preact";
import { hydrate, render } from "preact";
import { type EventView, parseFrame } from "./frame.ts";
import { OutboxPoll } from "./outbox-poll.ts";
import { Page } from "./page.ts";
import { initialState, MAX_ROWS, type OpsAction, type OpsData, type OpsState, reduce } from "./state.ts";
import { EventStream } from "./stream.ts";

/** The page in the browser: takes over what the server rendered and keeps it live. */
export class OpsApp {
  #state: OpsState;
  /** Events since the last animation frame. */
  #arrived: EventView[] = [];
  #frame: number | undefined;
  readonly #dispatch = (action: OpsAction): void => {
    this.#state = reduce(this.#state, action);
    this.#schedule();
  };

  /** @param root holds what the server rendered from `data` */
  constructor(
    private readonly root: Element,
    private readonly data: OpsData,
  ) {
    this.#state = initialState(data);
  }

  /** Hydrates, then opens the stream. */
  start(): void {
    hydrate(this.#view(), this.root);
    this.#dispatch({ kind: "browser", origin: location.origin });
    new EventStream("/crm-events", this.data.lastEventId, {
      onConnection: (connection) => this.#dispatch({ kind: "connection", connection }),
      onEvent: (json) => this.#receive(json),
      onReset: () => {
        this.#arrived = [];
        this.#dispatch({ kind: "reset" });
      },
    }).start();
    if (this.data.runsServer) new OutboxPoll((outbox) => this.#dispatch({ kind: "outbox", outbox })).start();
  }

  #receive(json: string): void {
    const event = parseFrame(json);
    if (event === undefined) return;
    this.#arrived.push(event);
    // A page in the background gets no animation frames; only the newest would ever be shown.
    if (this.#arrived.length > 2 * MAX_ROWS) this.#arrived = this.#arrived.slice(-MAX_ROWS);
    this.#schedule();
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#state = reduce(this.#state, { kind: "events", events: this.#arrived });
      this.#arrived = [];
      render(this.#view(), this.root);
    });
  }

  #view() {
    return html`<${Page} state=${this.#state} dispatch=${this.#dispatch} />`;
  }
}
