import type { AuditEntry } from "../../src/autoheal/audit.ts";
import type { AutohealStatus } from "../../src/autoheal/status.ts";
import type { Connection } from "../ops/connection.ts";
import type { SignedIn } from "../ops/shell.ts";
import type { Theme } from "../ops/theme.ts";
import type { Zone } from "../ops/time.ts";
import { type DecisionView, withEntries } from "./decisions.ts";

/** What the server renders the page from, and the script goes on from. */
export interface AutohealData {
  /** Null when the database did not answer. */
  readonly status: AutohealStatus | null;
  /** The newest entries of the audit, oldest first. */
  readonly entries: readonly AuditEntry[];
  readonly user: SignedIn | null;
  readonly theme: Theme;
  /** Milliseconds since 1970 at which the status was read. */
  readonly now: number;
}

export interface AutohealState {
  readonly status: AutohealStatus | null;
  /** Milliseconds since 1970 at which it came. */
  readonly statusAt: number;
  readonly now: number;
  readonly decisions: readonly DecisionView[];
  /** Id of the newest entry; empty before there is any. */
  readonly lastEventId: string;
  readonly user: SignedIn | null;
  readonly theme: Theme;
  readonly zone: Zone;
  readonly connection: Connection;
  /** What the form is to acknowledge. */
  readonly cause: string;
  /** For screen readers. */
  readonly announcement: string;
}

export type AutohealAction =
  /** The page is in a browser, which knows the reader's time zone. */
  | { readonly kind: "browser" }
  | { readonly kind: "connection"; readonly connection: Connection }
  | { readonly kind: "entries"; readonly entries: readonly AuditEntry[] }
  | { readonly kind: "status"; readonly status: AutohealStatus | null; readonly at: number }
  | { readonly kind: "tick"; readonly now: number }
  | { readonly kind: "cause"; readonly cause: string }
  | { readonly kind: "announce"; readonly text: string };

export function initialState({ status, entries, user, theme, now }: AutohealData): AutohealState {
  return {
    status,
    statusAt: now,
    now,
    decisions: withEntries([], entries),
    lastEventId: entries.at(-1)?.id ?? "",
    user,
    theme,
    zone: "utc",
    connection: { kind: "connecting" },
    cause: "",
    announcement: "",
  };
}

export function reduce(state: AutohealState, action: AutohealAction): AutohealState {
  switch (action.kind) {
    case "browser":
      return { ...state, zone: "local" };
    case "connection":
      return { ...state, connection: action.connection };
    case "entries":
      return {
        ...state,
        decisions: withEntries(state.decisions, action.entries),
        lastEventId: action.entries.at(-1)?.id ?? state.lastEventId,
      };
    case "status":
      // One that did not come leaves the last, with its age.
      return action.status === null ? state : { ...state, status: action.status, statusAt: action.at, now: action.at };
    case "tick":
      return { ...state, now: Math.max(action.now, state.statusAt) };
    case "cause":
      return { ...state, cause: action.cause };
    case "announce":
      return { ...state, announcement: action.text };
  }
}

/** Seconds since the leader's last heartbeat, counted on since the status came; undefined when none ever led. */
export function beatAge({ status, statusAt, now }: AutohealState): number | undefined {
  return status?.leader ? status.leader.ageSeconds + (now - statusAt) / 1_000 : undefined;
}

/** All that can be acknowledged here: what rules are about, and what was decided on lately. */
export function causesOf({ status, decisions }: AutohealState): readonly string[] {
  const known = [...(status?.preview ?? []).map(({ cause }) => cause), ...decisions.map(({ first }) => first.cause)];
  return [...new Set(known)].toSorted();
}
