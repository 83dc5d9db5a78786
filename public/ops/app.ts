import { html } from "htm/preact";
import { hydrate, render } from "preact";
import { parse, print, type Term, withTerm } from "../../src/filter/index.ts";
import { PAGE_PATH, readAddress, writeAddress } from "./address.ts";
import { tickAges } from "./ages.ts";
import type { Commands } from "./commands.ts";
import { download } from "./download.ts";
import { Feed } from "./feed.ts";
import type { EventView } from "./frame.ts";
import { listenToKeys, readShortcuts, writeShortcuts } from "./keys.ts";
import { OutboxPoll } from "./outbox-poll.ts";
import { Page } from "./page.ts";
import { FAST, MAX_ROWS } from "./rows.ts";
import { watchScroll } from "./scroll.ts";
import { SkewMeter } from "./skew.ts";
import {
  initialState,
  isHolding,
  type OpsAction,
  type OpsData,
  type OpsState,
  onServer,
  reduce,
  visibleRows,
} from "./state.ts";
import { EventStream } from "./stream.ts";

/** Milliseconds without a key pressed after which a filter is asked for. */
const TYPING_MS = 350;
/** Milliseconds for which a term that could be completed is waited for: half of one would match nothing. */
const UNFINISHED_MS = 1_000;
/** Milliseconds between two drawings while events come fast. */
const FAST_MS = 100;
/** Milliseconds between two words to a screen reader about new events. */
const ANNOUNCE_MS = 20_000;

/** The page in the browser: takes over what the server rendered and keeps it live. */
export class OpsApp implements Commands {
  #state: OpsState;
  /** Events since the last animation frame. */
  #arrived: EventView[] = [];
  #frame: number | undefined;
  /** Something else than events happened since the last drawing. */
  #isAsked = false;
  /** By performance.now. */
  #drawnAt = 0;
  #typing: number | undefined;
  /** A filter that is waited for. */
  #draft: string | undefined;
  #unannounced = 0;
  #announcedAt = Date.now();
  readonly #skew = new SkewMeter();
  readonly #stream: EventStream;
  readonly #feed: Feed;
  readonly #outbox: OutboxPoll;

  /** @param root holds what the server rendered from `data` */
  constructor(
    private readonly root: Element,
    private readonly data: OpsData,
  ) {
    this.#state = initialState(data);
    this.#stream = new EventStream("/crm-events", {
      onConnection: (connection) => this.dispatch({ kind: "connection", connection }),
      onEvent: (json) => this.#feed.receive(json),
      onReset: () => {
        this.#arrived = [];
        this.#feed.reset();
      },
      onLive: () => this.#feed.live(),
      onServerTime: (time, askedAt) => this.#skew.note(time, Date.now(), askedAt),
    });
    this.#feed = new Feed(this.#stream, {
      onEvent: (event) => this.#receive(event),
      onAnew: (events) => this.#show(events),
    });
    this.#outbox = new OutboxPoll((outbox) => this.dispatch({ kind: "outbox", outbox }));
  }

  /** Hydrates, then opens the stream. */
  start(): void {
    hydrate(this.#view(), this.root);
    this.dispatch({ kind: "browser", origin: location.origin, shortcuts: readShortcuts() });
    this.#stream.start();
    this.#ask();
    if (this.data.runsServer) this.#outbox.start();
    setInterval(() => this.#tick(), 1_000);
    listenToKeys(this, () => this.#state);
    watchScroll((scrolled) => this.dispatch({ kind: "scroll", scrolled, at: Date.now() }));
    window.addEventListener("popstate", () => this.#readAddress());
  }

  readonly dispatch = (action: OpsAction): void => {
    this.#state = reduce(this.#state, action);
    this.#isAsked = true;
    this.#schedule();
  };

  addTerm(term: Term): void {
    this.dispatch({ kind: "filter", filter: withTerm(this.#draft ?? this.#state.query.source, term) });
    this.#changed("push");
  }

  setFilter(filter: string, isUnfinished: boolean): void {
    clearTimeout(this.#typing);
    this.#draft = isUnfinished ? filter : undefined;
    if (isUnfinished) {
      this.#typing = window.setTimeout(() => this.setFilter(filter, false), UNFINISHED_MS);
      return;
    }
    const before = print(this.#state.query.terms);
    this.dispatch({ kind: "filter", filter });
    const isOther = print(this.#state.query.terms) !== before || !this.#state.isSettled;
    const settle = () => (isOther ? this.#changed("replace") : this.#writeAddress("replace"));
    this.#typing = window.setTimeout(settle, TYPING_MS);
  }

  jump(since: number | undefined): void {
    this.dispatch({ kind: "since", since });
    if (this.#state.paused) this.pause(false);
    this.#changed("push");
  }

  next(): void {
    this.dispatch({ kind: "searching" });
    this.#feed.next();
    this.scrollUp();
  }

  pause(paused: boolean): void {
    this.dispatch({ kind: "pause", paused, at: Date.now() });
  }

  scrollUp(): void {
    window.scrollTo({ top: 0 });
  }

  retry(): void {
    this.#stream.retry();
  }

  download(): void {
    download(visibleRows(this.#state));
  }

  setShortcuts(on: boolean): void {
    writeShortcuts(on);
    this.dispatch({ kind: "shortcuts", on });
  }

  askOutbox(): void {
    void this.#outbox.ask();
  }

  /** Asks for what the page shows first: what the server rendered may be all there is. */
  #ask(): void {
    const { since, query, rows, matches } = this.#state;
    this.#feed.filter = { query, isWanted: ({ frame }) => matches(frame) };
    if (since !== undefined) this.#search(() => this.#feed.past(since));
    else if (query.terms.length > 0 && rows.shown.length < MAX_ROWS) this.#search(() => this.#feed.refill());
    else this.#feed.tail(this.data.lastEventId);
  }

  /** The filter or the time is another one. */
  #changed(how: "push" | "replace"): void {
    clearTimeout(this.#typing);
    this.#draft = undefined;
    this.#writeAddress(how);
    const { since, query, matches } = this.#state;
    this.#feed.filter = { query, isWanted: ({ frame }) => matches(frame) };
    this.#search(() => (since === undefined ? this.#feed.refill() : this.#feed.past(since)));
  }

  #search(ask: () => void): void {
    this.#arrived = [];
    this.dispatch({ kind: "searching" });
    ask();
  }

  #writeAddress(how: "push" | "replace"): void {
    const { query, since } = this.#state;
    const address = writeAddress({ filter: query.source, since });
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  }

  #readAddress(): void {
    if (location.pathname !== PAGE_PATH) return;
    const { filter, since } = readAddress(location.search, Date.now());
    const isSame = since === this.#state.since && print(parse(filter).terms) === print(this.#state.query.terms);
    this.dispatch({ kind: "filter", filter });
    this.dispatch({ kind: "since", since });
    if (!isSame) this.#changed("replace");
  }

  #receive(event: EventView): void {
    if (event.receivedAt !== undefined) this.#skew.note(event.receivedAt, Date.now());
    this.#arrived.push(event);
    this.#unannounced += 1;
    // A page in the background gets no animation frames, and only the newest rows would ever be shown.
    if (this.#arrived.length > 2 * MAX_ROWS) {
      if (isHolding(this.#state)) this.#takeArrived();
      else this.#arrived = this.#arrived.slice(-MAX_ROWS);
    }
    this.#schedule();
  }

  #show(events: readonly EventView[]): void {
    this.#arrived = [];
    this.dispatch({ kind: "anew", events, at: Date.now(), isWhole: true });
    if (this.#state.query.terms.length === 0) return;
    const { length } = visibleRows(this.#state);
    this.#announce(length === 1 ? "1 event matches" : `${length} events match`);
  }

  #announce(text: string): void {
    this.#announcedAt = Date.now();
    this.#unannounced = 0;
    this.dispatch({ kind: "announce", text });
  }

  #tick(): void {
    const skew = this.#skew.skew;
    const now = onServer(skew, Date.now());
    this.dispatch({ kind: "tick", now, skew });
    tickAges(this.root, now);
    if (this.#unannounced === 0 || isHolding(this.#state) || Date.now() - this.#announcedAt < ANNOUNCE_MS) return;
    this.#announce(this.#unannounced === 1 ? "1 new event" : `${this.#unannounced} new events`);
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (this.#isTooSoon) return this.#schedule();
      this.#isAsked = false;
      this.#drawnAt = performance.now();
      this.#takeArrived();
      render(this.#view(), this.root);
    });
  }

  /** Events that come faster than anybody reads are drawn ten times a second, and most of them never: newer ones are on top by then. */
  get #isTooSoon(): boolean {
    return !this.#isAsked && this.#arrived.length > FAST && performance.now() - this.#drawnAt < FAST_MS;
  }

  #takeArrived(): void {
    if (this.#arrived.length === 0) return;
    this.#state = reduce(this.#state, { kind: "events", events: this.#arrived, at: Date.now() });
    this.#arrived = [];
  }

  #view() {
    return html`<${Page} state=${this.#state} commands=${this} />`;
  }
}
