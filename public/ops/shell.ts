import { html } from "htm/preact";
import type { ComponentChildren } from "preact";
import { type Theme, ThemeButton } from "./theme.ts";

/** Who is signed in, and whether by the cookie, which can be signed out. */
export interface SignedIn {
  readonly name: string;
  readonly cookie: boolean;
}

interface TopBarProps {
  /** Path of the page at hand. */
  readonly page: string;
  /** False for who may not see what is only for those who run the server. */
  readonly runsServer: boolean;
  /** Null with the development identity. */
  readonly user: SignedIn | null;
  readonly theme: Theme;
  /** What is the page's own, between the navigation and the theme. */
  readonly children?: ComponentChildren;
}

const PAGES = [
  { path: "/ops/crm-events", name: "Events", opsOnly: false },
  { path: "/ops/autoheal", name: "Autoheal", opsOnly: true },
  { path: "/docs", name: "API", opsOnly: false },
] as const;

/** The bar on top of every page of ours: name, navigation, what is the page's own, theme, who is signed in. */
export function TopBar({ page, runsServer, user, theme, children }: TopBarProps) {
  return html`
    <header class="bar">
      <a class="brand" href="/ops/crm-events">
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="m7.5 24 8.5-16 8.5 16M12 19h8" />
        </svg>
        <span>AetherLink</span>
      </a>
      <nav class="pages" aria-label="Pages">
        ${PAGES.filter(({ opsOnly }) => runsServer || !opsOnly).map(
          ({ path, name }) => html`<a href=${path} aria-current=${path === page ? "page" : undefined}>${name}</a>`,
        )}
      </nav>
      <div class="bar-rest">${children}</div>
      <${ThemeButton} theme=${theme} />
      ${user !== null && html`<${User} user=${user} />`}
    </header>
  `;
}

/** Who is signed in. A form, so that signing out needs no script. */
function User({ user }: { readonly user: SignedIn }) {
  return html`
    <form class="user" method="post" action="/auth/logout">
      <span class="user-name" title="Signed in as ${user.name}">${user.name}</span>
      ${user.cookie && html`<button class="button" type="submit">Log out</button>`}
    </form>
  `;
}
