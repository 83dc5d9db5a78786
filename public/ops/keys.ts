import type { Commands } from "./commands.ts";
import type { OpsState } from "./state.ts";

/** What the keys do, as the help says it. */
export const KEYS_HELP = [
  ["j  k", "next and previous event"],
  ["Enter", "open or close the event"],
  ["/", "go to the filter"],
  ["Space", "pause and resume"],
  ["?", "this help"],
  ["Esc", "close what is open, leave the filter"],
] as const;

const KEPT_AS = "shortcuts";
/** Where letters are text and space and Enter have a meaning of their own. */
const OWN_KEYS = "input, textarea, select, button, a[href], dialog, [contenteditable]";

/** Listens to the keyboard. Shortcuts of a single letter can be turned off: WCAG 2.2, 2.1.4. */
export function listenToKeys(commands: Commands, stateOf: () => OpsState): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.key === "Escape") return leave(target);
    const isOwn = target.closest(OWN_KEYS) !== null;
    if (isOwn || !stateOf().shortcuts || stateOf().dialog !== undefined) return;
    if (act(event.key, commands, stateOf())) event.preventDefault();
  });
}

/** Kept shortcuts on or off; on where nothing is kept, or nothing can be. */
export function readShortcuts(): boolean {
  try {
    return localStorage.getItem(KEPT_AS) !== "off";
  } catch {
    return true;
  }
}

/** Keeps it, where the browser does. */
export function writeShortcuts(on: boolean): void {
  try {
    localStorage.setItem(KEPT_AS, on ? "on" : "off");
  } catch {
    // A browser that keeps nothing still has it for this visit.
  }
}

/** @returns false for a key that means nothing here */
function act(key: string, commands: Commands, state: OpsState): boolean {
  switch (key) {
    case "j":
      return step(1);
    case "k":
      return step(-1);
    case "/":
      document.getElementById("filter")?.focus();
      return true;
    case " ":
      commands.pause(!state.paused);
      return true;
    case "?":
      commands.dispatch({ kind: "dialog", dialog: { kind: "help" } });
      return true;
    default:
      return false;
  }
}

function step(by: 1 | -1): boolean {
  const here = document.activeElement?.closest(".event");
  const next = by === 1 ? here?.nextElementSibling : here?.previousElementSibling;
  const row = here === null || here === undefined ? document.querySelector(".event") : next;
  row?.querySelector<HTMLElement>("summary")?.focus();
  return true;
}

/** Closes the open event that the reader is in, else leaves where they are. A dialog and the suggestions close by themselves. */
function leave(target: Element): void {
  const open = target.closest("details[open]");
  if (open instanceof HTMLDetailsElement && open.closest(".event") !== null) {
    open.open = false;
    open.querySelector("summary")?.focus();
    return;
  }
  if (target instanceof HTMLElement && target.closest("dialog") === null) target.blur();
}
