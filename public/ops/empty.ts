import { html } from "htm/preact";

/** What to do when there is no event yet: the line that makes the first one. */
export function Empty({ origin }: { readonly origin: string }) {
  return html`
    <section class="empty">
      <h2>No events yet</h2>
      <p>Paste this into a terminal. The job it creates shows up here at once.</p>
      <pre class="curl" tabindex="0" aria-label="Command that creates a job">${curl(origin)}</pre>
    </section>
  `;
}

function curl(origin: string): string {
  return `curl -X POST ${origin}/api/crm/jobs \\
  -H 'Content-Type: application/json' \\
  -H 'Idempotency-Key: test-key-123' \\
  -H 'X-Tenant-Id: 12345678-1234-1234-1234-123456789012' \\
  -d '{"title": "Test Job", "status": "Open"}'`;
}
