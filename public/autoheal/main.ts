import { AutohealApp } from "./app.ts";
import type { AutohealData } from "./state.ts";

// The browser's entry. The data block was written by our own server in the very response that named this script.
const root = document.getElementById("autoheal");
const state = document.getElementById("autoheal-state");
if (root !== null && state !== null) {
  const data: AutohealData = JSON.parse(state.textContent);
  new AutohealApp(root, data).start();
}
