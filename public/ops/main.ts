import { OpsApp } from "./app.ts";
import type { OpsData } from "./state.ts";

// The browser's entry. The data block was written by our own server in the very response that named this script.
const root = document.getElementById("ops");
const state = document.getElementById("ops-state");
if (root !== null && state !== null) {
  const data: OpsData = JSON.parse(state.textContent);
  // What the server rendered is seen first: taking it over takes longer than drawing it.
  requestAnimationFrame(() => setTimeout(() => new OpsApp(root, data).start()));
}
