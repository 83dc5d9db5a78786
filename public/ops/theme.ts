import { html } from "htm/preact";
import { useState } from "preact/hooks";

/** How the page looks: as the reader's system does, or as they chose. */
export type Theme = "system" | "dark" | "light";

/** Name of the cookie that keeps the choice: with it the server writes the page as it will look, so that nothing flashes. */
export const THEME_COOKIE = "theme";
/** Seconds; the longest that browsers keep a cookie. */
const KEPT_S = 34_560_000;

const NEXT: Readonly<Record<Theme, Theme>> = { system: "dark", dark: "light", light: "system" };
const ICONS: Readonly<Record<Theme, string>> = {
  system: "M3 4.5h10v7H3zM6 14h4",
  dark: "M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5z",
  light:
    "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
};

/** The theme that a cookie's value stands for. */
export function readTheme(value: string | undefined): Theme {
  return value === "dark" || value === "light" ? value : "system";
}

/** Changes between the themes. @param theme that the server wrote the page with */
export function ThemeButton({ theme: first }: { readonly theme: Theme }) {
  const [theme, setTheme] = useState(first);
  const onClick = () => {
    const next = NEXT[theme];
    setTheme(next);
    applyTheme(next);
  };
  const label = `Theme: ${theme}`;
  return html`
    <button class="icon-button script-only" type="button" aria-label=${label} title=${label} onClick=${onClick}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[theme]} /></svg>
    </button>
  `;
}

function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === "system") delete dataset.theme;
  else dataset.theme = theme;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in Safari and Firefox of 2024
  document.cookie = `${THEME_COOKIE}=${theme}; path=/; max-age=${KEPT_S}; samesite=lax`;
}
